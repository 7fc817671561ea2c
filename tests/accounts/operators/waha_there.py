"""Fake WAHA that keeps logins when it stops sessions: a few answers over a dictionary."""

from __future__ import annotations

from contextlib import contextmanager

import httpx

from accounts.models import Gateway, GatewaySecret
from gateways import registry

URL = "http://waha:3000"
_BECOMES = {"start": "WORKING", "restart": "WORKING", "stop": "STOPPED", "logout": "SCAN_QR_CODE"}


class Waha:
    """Fake WAHA. `statuses`: session → its status. `asked`: the requests, in order. `refuses`:
    requests that it answers with an error. `keeps`: requests that it accepts and does not carry
    out. `version`: what it says of itself."""

    def __init__(self) -> None:
        self.statuses: dict[str, str] = {}
        self.asked: list[str] = []
        self.refuses: set[str] = set()
        self.keeps: set[str] = set()
        self.version = {"version": "2026.2.1", "engine": "NOWEB", "tier": "PLUS", "browser": None}

    def __call__(self, call: httpx.Request) -> httpx.Response:
        if call.url.path == "/api/server/version":
            return httpx.Response(200, json=self.version)
        name, _, verb = call.url.path.removeprefix("/api/sessions/").partition("/")
        if call.method == "POST":
            self.asked.append(verb)
            if verb in self.refuses:
                return httpx.Response(422, json={"statusCode": 422, "message": f"cannot {verb}"})
            if verb not in self.keeps:
                self.statuses[name] = _BECOMES[verb]
            return httpx.Response(201, json={"name": name, "status": self.statuses.get(name)})
        if name not in self.statuses:
            return httpx.Response(404, json={"statusCode": 404, "message": "Session not found"})
        return httpx.Response(200, json={"name": name, "status": self.statuses[name]})


@contextmanager
def waha_at(gateway: Gateway):
    """Turn the gateway into a WAHA."""
    gateway.kind, gateway.base_url = "waha", URL
    gateway.save()
    secret = GatewaySecret(gateway=gateway, purpose="api_key")
    secret.secret = "test-key"
    secret.save()
    there = Waha()
    with registry.use_transport(URL, httpx.MockTransport(there)):
        yield there
