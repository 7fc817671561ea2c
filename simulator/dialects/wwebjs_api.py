"""wwebjs-api's REST interface, answer by answer as recorded (tests/captures/wwebjs-api/).

Every call is a GET. The status is 200 whatever happens to the session.
"""

from __future__ import annotations

import html
import re

from simulator.dialects.dialect import (
    NOT_FOUND_PAGE,
    PROTOCOL_TIMEOUT_SECONDS,
    Dialect,
    Entry,
    faulty_list,
    route,
)
from simulator.qr import png_of, qr_picture
from simulator.state.sessions import Browser, SimulatedSession, Truth
from simulator.state.settings import Failure
from simulator.web.wsgi import Reply, Request, html_reply, json_reply, same
from simulator.world import process
from simulator.world.world import World, profile_held

KEY_HEADER = "x-api-key"
NOT_FOUND = "session_not_found"
TIMED_OUT = (
    "Runtime.callFunctionOn timed out. Increase the 'protocolTimeout' setting in launch/connect "
    "calls for a higher timeout if needed."
)
FAULTS = {
    Browser.DEAD: "session closed",
    Browser.CLOSED: "browser tab closed",
    Browser.AWAY: "window.require is not a function",
    Browser.HUNG: TIMED_OUT,
    Browser.CRASHED: TIMED_OUT,
}
_NAME = re.compile(r"[\w-]+", re.ASCII)


def _ping(world: World, request: Request) -> Reply:
    return json_reply({"success": True, "message": "pong"})


def _list(world: World, request: Request) -> Reply:
    """Return names only. A starting session is not among them."""
    with world.lock:
        names = [one.session_id for one in world.sessions.values() if _is_held(one)]
    failed = json_reply({"success": False, "error": "Failed to get sessions"}, status=500)
    return faulty_list(world, names, _whole_list, odd=None, failed=failed)


def _whole_list(names: list[Entry], total: int | None) -> object:
    return {"success": True, "result": names}


def _status(world: World, request: Request, session_id: str) -> Reply:
    return json_reply(_seen(world, session_id))


def _seen(world: World, session_id: str) -> dict[str, object]:
    """Return the status. The page is asked each time: a hung one keeps the caller waiting."""
    session = _held(world, session_id)
    if session is None:
        return {"success": False, "state": None, "message": NOT_FOUND}
    if session.is_mute:
        world.host.pause(PROTOCOL_TIMEOUT_SECONDS)
    if fault := FAULTS.get(session.browser):
        return {"success": False, "state": None, "message": fault}
    if session.truth is Truth.CONNECTED or session.socket == "CONNECTED":
        return {"success": True, "state": "CONNECTED", "message": "session_connected"}
    return {"success": False, "state": _word(session), "message": "session_not_connected"}


def _word(session: SimulatedSession) -> str:
    if session.truth is Truth.QR_SCANNING:
        return "UNPAIRED"
    is_pairing = session.truth is Truth.CONNECTING and session.status == "authenticated"
    return session.socket or ("PAIRING" if is_pairing else "OPENING")


def _start(world: World, request: Request, session_id: str) -> Reply:
    """Answer when the QR code or the login is known. Of two starts at once, the second finds the
    profile in use (observed)."""
    with world.lock:
        if _held(world, session_id) is not None:
            raise Failure(f"Session already exists for: {session_id}", status=422)
        if session_id in world.sessions or session_id in world.left_over:
            raise Failure(profile_held(f"session-{session_id}"), status=422)
        session = world.place(session_id, 0)
    world.launch(session)
    return json_reply({"success": True, "message": "Session initiated successfully"})


def _stop(world: World, request: Request, session_id: str) -> Reply:
    """Stop the session. An unknown id succeeds as well, and nothing happens."""
    session = _held(world, session_id)
    if session is not None:
        _die_if_away(world, session)
        world.stop(session_id)
        world.stop_waiting(session)
    return json_reply({"success": True, "message": "Session stopped successfully"})


def _restart(world: World, request: Request, session_id: str) -> Reply:
    """Ask the page, then ask it to close: a hung page takes its timeout twice.

    A waiting restart continues when the page is gone, so a session can appear after a `stop`
    (observed).
    """
    session = _held(world, session_id)
    if session is None:
        return json_reply(_seen(world, session_id))
    _die_if_away(world, session)
    if session.is_mute:
        seconds = 2 * PROTOCOL_TIMEOUT_SECONDS
        workspace_id = session.workspace_id
        world.wait_with(session, lambda: world.start(session_id, workspace_id), seconds=seconds)
        world.host.pause(seconds)
    else:
        with world.lock:
            again = world.place(session_id, session.workspace_id)
        world.launch(again)
    return json_reply({"success": True, "message": "Restarted successfully"})


def _terminate(world: World, request: Request, session_id: str) -> Reply:
    """Ask the page, then delete the login."""
    session = _held(world, session_id)
    if session is None:
        return json_reply(_seen(world, session_id))
    _die_if_away(world, session)
    if session.is_mute:
        seconds = PROTOCOL_TIMEOUT_SECONDS
        world.wait_with(session, lambda: world.log_out(session_id), seconds=seconds)
        world.host.pause(seconds)
    else:
        world.log_out(session_id)
    return json_reply({"success": True, "message": "Logged out successfully"})


def _terminate_inactive(world: World, request: Request) -> Reply:
    """Delete the login of every session that is not connected at this moment: observed."""
    _flush(world, [one for one in _all_held(world) if not one.is_alive])
    return json_reply({"success": True, "message": "Flush completed successfully"})


def _terminate_all(world: World, request: Request) -> Reply:
    _flush(world, _all_held(world))
    return json_reply({"success": True, "message": "Flush completed successfully"})


def _flush(world: World, sessions: list[SimulatedSession]) -> None:
    for session in sessions:
        world.log_out(session.session_id)


def _qr(world: World, request: Request, session_id: str) -> Reply:
    session = _held(world, session_id)
    if session is None:
        return json_reply({"success": False, "message": NOT_FOUND})
    if session.truth is not Truth.QR_SCANNING:
        said = "qr code not ready or already scanned"
        return json_reply({"success": False, "message": said})
    return json_reply({"success": True, "qr": session.qr_text})


def _qr_image(world: World, request: Request, session_id: str) -> Reply:
    session = _held(world, session_id)
    if session is None or session.truth is not Truth.QR_SCANNING:
        return _qr(world, request, session_id)
    return Reply(status=200, content=png_of(qr_picture(world.random)), content_type="image/png")


def _class_info(world: World, request: Request, session_id: str) -> Reply:
    seen = _seen(world, session_id)
    session = _held(world, session_id)
    if session is None or not seen["success"]:
        return json_reply({"success": False, "error": seen["message"]}, status=404)
    wid = {"server": session.own_server(), "user": session.own_user}
    whose = wid | {"_serialized": session.own_id()}
    info = {"pushname": "Simulated", "wid": whose, "me": whose, "platform": "android"}
    return json_reply({"success": True, "sessionInfo": info})


def _client_state(world: World, request: Request, session_id: str) -> Reply:
    seen = _seen(world, session_id)
    if seen["message"] not in ("session_connected", "session_not_connected"):
        return json_reply({"success": False, "error": seen["message"]}, status=404)
    return json_reply({"success": True, "state": seen["state"]})


def _held(world: World, session_id: str) -> SimulatedSession | None:
    if not _NAME.fullmatch(session_id):
        raise Failure("Session should be alphanumerical or -", status=422)
    with world.lock:
        session = world.sessions.get(session_id)
    return session if session is not None and _is_held(session) else None


def _all_held(world: World) -> list[SimulatedSession]:
    with world.lock:
        return [one for one in world.sessions.values() if _is_held(one)]


def _is_held(session: SimulatedSession) -> bool:
    return session.listed and not session.is_starting


def _die_if_away(world: World, session: SimulatedSession) -> None:
    """End the process if the page has left WhatsApp. Observed, 8 of 8: any call to such a
    session does."""
    if session.browser is Browser.AWAY:
        process.die(world)
        world.host.hang_up()


def _refusal(world: World, request: Request) -> Reply | None:
    if same(request.header(KEY_HEADER), world.settings.api_key):
        return None
    return json_reply({"success": False, "error": "Invalid API key"}, status=403)


def _failed(failure: Failure) -> Reply:
    return json_reply({"success": False, "error": str(failure)}, status=failure.status)


def _not_found(request: Request) -> Reply:
    what = html.escape(f"{request.method} {request.path}")
    return html_reply(NOT_FOUND_PAGE.format(what=what), status=404)


DIALECT = Dialect(
    refusal=_refusal,
    failed=_failed,
    not_found=_not_found,
    routes=(
        route("GET", "/ping", _ping, needs_key=False),
        route("GET", "/session/getSessions", _list),
        route("GET", "/session/terminateInactive", _terminate_inactive),
        route("GET", "/session/terminateAll", _terminate_all),
        route("GET", "/session/status/{session_id}", _status),
        route("GET", "/session/start/{session_id}", _start),
        route("GET", "/session/stop/{session_id}", _stop),
        route("GET", "/session/restart/{session_id}", _restart),
        route("GET", "/session/terminate/{session_id}", _terminate),
        route("GET", "/session/qr/{session_id}", _qr),
        route("GET", "/session/qr/{session_id}/image", _qr_image),
        route("GET", "/client/getClassInfo/{session_id}", _class_info),
        route("GET", "/client/getState/{session_id}", _client_state),
    ),
)
