"""WAHA's REST interface, as documented; we did not run it."""

from __future__ import annotations

from http import HTTPStatus

from simulator.behaviours.waha import ENGINE, FAILED, STARTING, STOPPED, TIER, VERSION, me_of
from simulator.dialects.dialect import Dialect, Entry, faulty_list, route
from simulator.qr import png_of
from simulator.state.sessions import Browser, SimulatedSession, Truth
from simulator.state.settings import Failure
from simulator.web.wsgi import Reply, Request, json_reply, same
from simulator.world.world import World

KEY_HEADER = "X-Api-Key"
# Seconds that the page is asked; after them the answer comes without `engine.state`.
LOOK_SECONDS = 1.0
WORDS = {"connected": "WORKING", "disconnected": FAILED, "stopped": STOPPED}


def _ping(world: World, request: Request) -> Reply:
    return json_reply({"message": "pong"})


def _server_status(world: World, request: Request) -> Reply:
    started = int(world.started_at.timestamp() * 1000)
    return json_reply({"startTimestamp": started, "uptime": int(world.uptime_seconds() * 1000)})


def _version(world: World, request: Request) -> Reply:
    return json_reply({"version": VERSION, "engine": ENGINE, "tier": TIER, "browser": None})


def _list(world: World, request: Request) -> Reply:
    """Return the list. Without `all`, stopped sessions are missing."""
    is_all = request.query.get("all") == "true"
    with world.lock:
        listed = [one for one in world.sessions.values() if one.listed]
        shown = [_entry(one) for one in listed if is_all or one.truth is not Truth.STOPPED]
    failed = _error(500, "Internal server error")
    return faulty_list(world, shown, _whole_list, odd={"name": None}, failed=failed)


def _whole_list(entries: list[Entry], total: int | None) -> object:
    return entries


def _entry(session: SimulatedSession) -> dict[str, object]:
    asked_at = session.asked_at
    return {
        "name": session.session_id,
        "status": word_of(session),
        "config": {"metadata": {}, "webhooks": []},
        "me": me_of(session),
        "presence": None,
        # API calls, not WhatsApp's traffic.
        "timestamps": {"activity": int(asked_at.timestamp() * 1000) if asked_at else None},
        "assignedWorker": "waha",
    }


def word_of(session: SimulatedSession) -> str:
    """Return the status as WAHA spells it."""
    if word := WORDS.get(session.status):
        return word
    is_shown = session.truth is Truth.QR_SCANNING and session.status == "qr_scanning"
    return "SCAN_QR_CODE" if is_shown else STARTING


def _one(world: World, request: Request, session_id: str) -> Reply:
    session = _held(world, session_id)
    if session.is_mute:
        world.host.pause(LOOK_SECONDS)
    return json_reply({**_entry(session), "engine": _engine(session)})


def _engine(session: SimulatedSession) -> dict[str, object]:
    if session.browser is not Browser.RUNNING or session.is_starting:
        return {"engine": ENGINE}
    is_unpaired = session.truth is Truth.QR_SCANNING
    state = session.socket or ("UNPAIRED" if is_unpaired else "OPENING")
    is_connected = session.truth is Truth.CONNECTED or session.socket == "CONNECTED"
    return {
        "engine": ENGINE,
        "WWebVersion": "2.3000.0",
        "state": "CONNECTED" if is_connected else state,
    }


def _create(world: World, request: Request) -> Reply:
    name = str(request.fields.get("name") or "default")
    with world.lock:
        if name in world.sessions:
            raise Failure(f"Session '{name}' already exists. Use PUT to update it.", status=422)
        session = world.place(name, 0)
        world.put_to_rest(session)
    if request.fields.get("start", True):
        world.start(name, 0)
    return _told(world, name)


def _start(world: World, request: Request, session_id: str) -> Reply:
    """Start the session. A running one stays unchanged."""
    session = _held(world, session_id)
    if session.status in ("stopped", "disconnected"):
        world.start(session_id, session.workspace_id)
    return _told(world, session_id)


def _stop(world: World, request: Request, session_id: str) -> Reply:
    """Stop the session. The login is kept."""
    if _held(world, session_id).truth is not Truth.STOPPED:
        world.stop(session_id)
    return _told(world, session_id)


def _restart(world: World, request: Request, session_id: str) -> Reply:
    session = _held(world, session_id)
    _stop(world, request, session_id)
    world.start(session_id, session.workspace_id)
    return _told(world, session_id)


def _log_out(world: World, request: Request, session_id: str) -> Reply:
    """Log the session out. A running one is started again from scratch."""
    session = _held(world, session_id)
    world.log_out(session_id)
    if session.truth is not Truth.STOPPED:
        world.start(session_id, session.workspace_id)
    return _told(world, session_id)


def _delete(world: World, request: Request, session_id: str) -> Reply:
    world.delete(session_id)
    return json_reply({})


def _qr(world: World, request: Request, session_id: str) -> Reply:
    session = _held(world, session_id)
    if word_of(session) != "SCAN_QR_CODE":
        said = {"error": "Session status is not as expected.", "session": session_id}
        wanted = {"status": word_of(session), "expected": ["SCAN_QR_CODE"]}
        return json_reply(said | wanted, status=422)
    if request.query.get("format") == "raw":
        return json_reply({"value": session.qr_text})
    if "application/json" in request.header("Accept"):
        data = session.qr_picture.partition(",")[2]
        return json_reply({"mimetype": "image/png", "data": data})
    return Reply(status=200, content=png_of(session.qr_picture), content_type="image/png")


def _told(world: World, session_id: str) -> Reply:
    with world.lock:
        return json_reply(_entry(world.sessions[session_id]), status=201)


def _held(world: World, session_id: str) -> SimulatedSession:
    """Return the session. The request itself counts as activity."""
    with world.lock:
        session = world.sessions.get(session_id)
        if session is None:
            raise Failure("Session not found", status=404)
        session.asked_at = world.host.now()
        return session


def _refusal(world: World, request: Request) -> Reply | None:
    if same(request.header(KEY_HEADER), world.settings.api_key):
        return None
    return json_reply({"message": "Unauthorized", "statusCode": 401}, status=401)


def _failed(failure: Failure) -> Reply:
    return _error(failure.status, str(failure))


def _not_found(request: Request) -> Reply:
    return _error(404, f"Cannot {request.method} {request.path}")


def _error(status: int, message: str) -> Reply:
    phrase = HTTPStatus(status).phrase
    return json_reply({"message": message, "error": phrase, "statusCode": status}, status=status)


DIALECT = Dialect(
    refusal=_refusal,
    failed=_failed,
    not_found=_not_found,
    routes=(
        route("GET", "/ping", _ping, needs_key=False),
        route("GET", "/api/server/status", _server_status),
        route("GET", "/api/server/version", _version),
        route("GET", "/api/sessions", _list),
        route("POST", "/api/sessions", _create),
        route("GET", "/api/sessions/{session_id}", _one),
        route("DELETE", "/api/sessions/{session_id}", _delete),
        route("POST", "/api/sessions/{session_id}/start", _start),
        route("POST", "/api/sessions/{session_id}/stop", _stop),
        route("POST", "/api/sessions/{session_id}/restart", _restart),
        route("POST", "/api/sessions/{session_id}/logout", _log_out),
        route("GET", "/api/{session_id}/auth/qr", _qr),
    ),
)
