"""WPPConnect Server's REST interface, answer by answer as recorded
(tests/captures/wppconnect-server/).

A session's state is a variable that nothing verifies.
"""

from __future__ import annotations

import hashlib
import html

from simulator.dialects.dialect import (
    NOT_FOUND_PAGE,
    PROTOCOL_TIMEOUT_SECONDS,
    Dialect,
    Entry,
    faulty_list,
    route,
)
from simulator.qr import png_of
from simulator.state.sessions import Browser, SimulatedSession, Truth
from simulator.state.settings import Failure
from simulator.web.wsgi import Reply, Request, html_reply, json_reply, same
from simulator.world.world import World

VERSION = "2.10.4"
CLOSED = "CLOSED"
NOT_ACTIVE = {
    "response": None,
    "status": "Disconnected",
    "message": "A sessão do WhatsApp não está ativa.",
}


def _healthz(world: World, request: Request) -> Reply:
    moment = int(world.host.now().timestamp() * 1000)
    return json_reply({"uptime": world.uptime_seconds(), "message": "OK", "timestamp": moment})


def _token(world: World, request: Request, session_id: str, secret: str) -> Reply:
    if not same(secret, world.settings.api_key):
        said = {"response": False, "message": "The SECRET_KEY is incorrect"}
        return json_reply(said, status=400)
    token = token_for(world, session_id)
    said = {"status": "success", "session": session_id, "token": token}
    return json_reply(said | {"full": f"{session_id}:{token}"}, status=201)


def token_for(world: World, session_id: str) -> str:
    return hashlib.sha256(f"{session_id}\0{world.settings.api_key}".encode()).hexdigest()


def _list(world: World, request: Request, secret: str) -> Reply:
    """Return every name that has a token, started or not."""
    if not same(secret, world.settings.api_key):
        return json_reply({"response": False, "message": "The token is incorrect"}, status=400)
    with world.lock:
        names = sorted({*_listed(world), *world.logins})
    failed = json_reply({"status": "error", "message": "Failed"}, status=500)
    return faulty_list(world, names, _whole_list, odd=None, failed=failed)


def _listed(world: World) -> list[str]:
    return [one.session_id for one in world.sessions.values() if one.listed]


def _whole_list(names: list[Entry], total: int | None) -> object:
    return {"response": names}


def _status(world: World, request: Request, session_id: str) -> Reply:
    with world.lock:
        return json_reply(_said(world.sessions.get(session_id)))


def _said(session: SimulatedSession | None) -> dict[str, object]:
    """Return the status answer. An old QR code stays in it until the session is started again."""
    if session is None or session.truth is Truth.STOPPED:
        return {"status": CLOSED, "qrcode": None}
    code: dict[str, object] = {"qrcode": None}
    if session.qr_picture:
        code = {"qrcode": session.qr_picture, "urlcode": session.qr_text}
    return {"status": _word(session), **code, "version": VERSION}


def _word(session: SimulatedSession) -> str:
    if session.truth is Truth.STOPPED or session.status == "disconnected":
        return CLOSED
    if session.keeps_saying_qrcode and session.qr_picture:
        return "QRCODE"
    if session.status == "connected":
        return "CONNECTED"
    if session.status == "authenticated" and session.qr_picture:
        return CLOSED  # observed between the scan and CONNECTED
    return "QRCODE" if session.qr_picture else "INITIALIZING"


def _check(world: World, request: Request, session_id: str) -> Reply:
    """Answer whether the page can be asked at all. The page's answer itself is ignored."""
    session = _asked(world, session_id)
    is_ok = session is not None and session.browser is Browser.RUNNING
    if session is not None and is_ok and session.connected_at is not None:
        return json_reply({"status": True, "message": "Connected"})
    return json_reply({"status": False, "message": "Disconnected"})


def _asked(world: World, session_id: str) -> SimulatedSession | None:
    """Return the session after asking its page. A hung page keeps the caller waiting."""
    with world.lock:
        session = world.sessions.get(session_id)
    if session is not None and session.is_mute:
        world.host.pause(PROTOCOL_TIMEOUT_SECONDS)
    return session


def _start(world: World, request: Request, session_id: str) -> Reply:
    """Answer at once with the state before the call. Start only a closed session."""
    with world.lock:
        before = world.sessions.get(session_id)
        said = _said(before)
        if said["status"] == CLOSED:
            world.start(session_id, before.workspace_id if before else 0)
        elif before is not None:
            return json_reply({**said, "session": session_id})
    is_new = before is None and session_id not in world.logins
    return json_reply({**said, "session": ""} if is_new else said)


def _close(world: World, request: Request, session_id: str) -> Reply:
    """Close the session. The answer is 500 if it has no browser yet; it is closed all the same."""
    with world.lock:
        session = world.sessions.get(session_id)
        if session is None or session.truth is Truth.STOPPED or session.is_starting:
            if session is not None:
                world.put_to_rest(session)
            said = {"status": False, "message": "Error closing session"}
            whose = session_id if session is not None else ""
            return json_reply({**said, "error": {"level": "error"}, "session": whose}, status=500)
    world.stop(session_id)
    said = {"status": True, "message": "Session successfully closed", "session": session_id}
    return json_reply(said)


def _log_out(world: World, request: Request, session_id: str) -> Reply:
    """Log out, after a check of the connection."""
    session = _asked(world, session_id)
    if session is None or session.connected_at is None or session.browser is not Browser.RUNNING:
        whose = session_id if session is not None else ""
        return json_reply({**NOT_ACTIVE, "session": whose}, status=404)
    world.log_out(session_id)
    return json_reply({"status": True, "message": "Session successfully closed"})


def _qr(world: World, request: Request, session_id: str) -> Reply:
    with world.lock:
        session = world.sessions.get(session_id)
    if session is None or session.truth is Truth.STOPPED:
        said = "Session not started. Please, use the /start-session route, for initialization "
        return json_reply({"status": None, "message": said + "your session"})
    if not session.qr_picture:
        said = "QRCode is not available..."
        return json_reply({"status": _word(session), "message": said})
    return Reply(status=200, content=png_of(session.qr_picture), content_type="image/png")


def _device(world: World, request: Request, session_id: str) -> Reply:
    session = _asked(world, session_id)
    if session is None or session.browser is not Browser.RUNNING or not session.phone_number:
        return json_reply({**NOT_ACTIVE, "session": session_id}, status=404)
    whose = session.own_id()
    wid = {"user": session.own_user, "server": session.own_server(), "_serialized": whose}
    device = {"pushname": "Simulated", "wid": wid, "phoneNumber": whose}
    return json_reply({"status": "success", "response": device, "mapper": "device"})


def _refusal(world: World, request: Request) -> Reply | None:
    given = request.header("Authorization").removeprefix("Bearer ")
    session_id = request.path.split("/")[2]
    if not given:
        said = "Token is not present. Check your header and try again"
        return json_reply({"message": said}, status=401)
    if not same(given, token_for(world, session_id)):
        said = "Check that the Session and Token are correct"
        return json_reply({"error": said}, status=401)
    return None


def _failed(failure: Failure) -> Reply:
    return json_reply({"status": "error", "message": str(failure)}, status=failure.status)


def _not_found(request: Request) -> Reply:
    what = html.escape(f"{request.method} {request.path}")
    return html_reply(NOT_FOUND_PAGE.format(what=what), status=404)


DIALECT = Dialect(
    refusal=_refusal,
    failed=_failed,
    not_found=_not_found,
    routes=(
        route("GET", "/healthz", _healthz, needs_key=False),
        route("POST", "/api/{session_id}/{secret}/generate-token", _token, needs_key=False),
        route("GET", "/api/{secret}/show-all-sessions", _list, needs_key=False),
        route("GET", "/api/{session_id}/status-session", _status),
        route("GET", "/api/{session_id}/check-connection-session", _check),
        route("POST", "/api/{session_id}/start-session", _start),
        route("POST", "/api/{session_id}/close-session", _close),
        route("POST", "/api/{session_id}/logout-session", _log_out),
        route("GET", "/api/{session_id}/qrcode-session", _qr),
        route("GET", "/api/{session_id}/host-device", _device),
    ),
)
