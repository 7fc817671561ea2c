"""The simulated gateway as a web app: its kind's REST interface and the control interface."""

from __future__ import annotations

from simulator.dialects import DIALECTS
from simulator.dialects.dialect import Dialect, DialectRoute
from simulator.served import control
from simulator.state.settings import Failure
from simulator.web.wsgi import (
    Application,
    Environ,
    NotJson,
    Reply,
    Request,
    StartResponse,
    html_reply,
    read_request,
    send,
)
from simulator.world.world import ProcessState, World


def application(world: World) -> Application:
    """Return both interfaces as one app. The control interface answers even while the gateway
    does not."""

    def answer(environ: Environ, start_response: StartResponse) -> list[bytes]:
        if environ.get("PATH_INFO", "").startswith(control.PREFIX):
            return send(control.reply(world, environ), start_response)
        world.host.hold(lambda: world.state is ProcessState.FROZEN)
        if world.state is ProcessState.STOPPED:
            world.host.refuse()
        return send(reply(world, environ), start_response)

    return answer


def reply(world: World, environ: Environ) -> Reply:
    """Return the answer to one call."""
    try:
        request = read_request(environ)
    except NotJson as error:
        return html_reply(f"<pre>SyntaxError: {error}</pre>", status=400)
    dialect = DIALECTS[world.settings.kind]
    for route in dialect.routes:
        match = route.path.fullmatch(request.path)
        if match and request.method == route.method:
            return _answered(world, request, dialect, route, match.groupdict())
    return dialect.not_found(request)


def _answered(
    world: World, request: Request, dialect: Dialect, route: DialectRoute, names: dict[str, str]
) -> Reply:
    refusal = dialect.refusal(world, request) if route.needs_key else None
    if refusal is not None:
        return refusal
    try:
        return route.handler(world, request, **names)
    except Failure as failure:
        return dialect.failed(failure)
    finally:
        world.settle()
