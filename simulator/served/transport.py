"""The simulated gateway as something httpx can call without a socket."""

from __future__ import annotations

import httpx

from simulator.served.api import application
from simulator.state.host import StillHost
from simulator.world.world import World


class _InProcess(httpx.BaseTransport):
    """An in-process transport that fails like a network.

    Calls are refused while the gateway is stopped. They time out while it is frozen, and when
    the answer would take longer than the caller waits.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._wsgi = httpx.WSGITransport(app=application(world))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        before = self._paused_seconds()
        response = self._wsgi.handle_request(request)
        waits = request.extensions.get("timeout", {}).get("read")
        if waits is not None and self._paused_seconds() - before > waits:
            raise httpx.ReadTimeout("the answer would have taken longer", request=request)
        return response

    def _paused_seconds(self) -> float:
        host = self._world.host
        return host.paused_seconds_of_this_thread() if isinstance(host, StillHost) else 0.0


def transport(world: World) -> httpx.BaseTransport:
    return _InProcess(world)
