"""Evolution API's REST interface, from its source; we did not run it.

Its list comes from rows in a database, a session's state from its memory.
"""

from __future__ import annotations

from http import HTTPStatus

from simulator.behaviours.evolution import Evolution, jid_of, own_jid
from simulator.dialects.dialect import Dialect, Entry, faulty_list, route
from simulator.state.sessions import Login, SimulatedSession, Truth
from simulator.state.settings import Failure
from simulator.web.wsgi import Reply, Request, json_reply, same
from simulator.world.world import World

ROWS = {"connected": "open", "disconnected": "close", "stopped": "close"}


def _welcome(world: World, request: Request) -> Reply:
    said = {"status": 200, "message": "Welcome to the Evolution API, it is working!"}
    return json_reply(said | {"version": "2.3.6"})


def _list(world: World, request: Request) -> Reply:
    only = request.query.get("instanceName")
    with world.lock:
        listed = [one for one in world.sessions.values() if one.listed]
        rows = [_row(world, one) for one in listed if only in (None, one.session_id)]
    if only is not None and not rows:
        raise _unknown(only)
    failed = _error(500, "Internal Server Error")
    return faulty_list(world, rows, _whole_list, odd={"name": None}, failed=failed)


def _whole_list(rows: list[Entry], total: int | None) -> object:
    return rows


def _row(world: World, session: SimulatedSession) -> dict[str, object]:
    """Return the row. It is written only at a QR code, at open and at the final close."""
    login = world.logins.get(session.session_id)
    code = session.socket if session.socket.isdigit() else None
    return {
        "id": f"id-of-{session.session_id}",
        "name": session.session_id,
        "connectionStatus": ROWS.get(session.status, "connecting"),
        "ownerJid": _owner(login) if login else own_jid(session),
        "profileName": "Simulated",
        "number": None,
        "integration": "WHATSAPP-BAILEYS",
        "token": f"token-of-{session.session_id}",
        "disconnectionReasonCode": int(code) if code else None,
        "disconnectionObject": None,
        "disconnectionAt": None,
        "_count": {"Message": 0, "Contact": 0, "Chat": 0},
    }


def _owner(login: Login) -> str:
    return f"{login.lid}@lid" if login.lid else jid_of(login.phone_number)


def state_of(session: SimulatedSession) -> str:
    """Return the state in the gateway's memory. Nothing verifies it."""
    if session.truth is Truth.CONNECTED or session.socket == "CONNECTED":
        return "open"
    return "close" if session.truth is Truth.STOPPED else "connecting"


def _state(world: World, request: Request, session_id: str) -> Reply:
    return json_reply(_instance(_held(world, session_id)))


def _instance(session: SimulatedSession) -> dict[str, object]:
    return {"instance": {"instanceName": session.session_id, "state": state_of(session)}}


def _create(world: World, request: Request) -> Reply:
    name = str(request.fields.get("instanceName") or "")
    with world.lock:
        if not name or name in world.sessions:
            raise Failure(f'This name "{name}" is already in use.', status=403)
        session = world.place(name, 0)
        world.put_to_rest(session)
    if request.fields.get("qrcode"):
        world.start(name, 0)
    said = {"instance": {"instanceName": name, "status": "connecting"}, "hash": f"token-of-{name}"}
    return json_reply(said, status=201)


def _connect(world: World, request: Request, session_id: str) -> Reply:
    """Start a closed session and wait briefly for its QR code, which may come too late."""
    session = _held(world, session_id)
    if session.truth is Truth.STOPPED:
        world.start(session_id, session.workspace_id)
        world.host.pause(world.settings.pace.create)
        world.settle()
        session = _held(world, session_id)
    if state_of(session) == "open":
        return json_reply(_instance(session))
    if session.truth is not Truth.QR_SCANNING:
        return json_reply({"count": 0})
    code = {"pairingCode": None, "code": session.qr_text, "base64": session.qr_picture}
    return json_reply({**code, "count": session.qr_count})


def _restart(world: World, request: Request, session_id: str) -> Reply:
    """Answer 200 with a body that says that the restart failed."""
    session = _held(world, session_id)
    if session.truth is Truth.STOPPED:
        return json_reply({"error": True, "message": _not_connected(session_id)})
    if session.truth is not Truth.QR_SCANNING:
        with world.lock:
            session.truth, session.socket = Truth.CONNECTING, ""
            Evolution().reconnect(world, session)
    return json_reply(_instance(session))


def _log_out(world: World, request: Request, session_id: str) -> Reply:
    """Answer before the logout is done."""
    session = _held(world, session_id)
    if session.truth is Truth.STOPPED:
        raise Failure(_not_connected(session_id), status=400)
    world.later(0, session, lambda found: world.log_out(found.session_id))
    said = {"message": "Instance logged out"}
    return json_reply({"status": "SUCCESS", "error": False, "response": said})


def _delete(world: World, request: Request, session_id: str) -> Reply:
    _held(world, session_id)
    world.delete(session_id)
    said = {"message": "Instance deleted"}
    return json_reply({"status": "SUCCESS", "error": False, "response": said})


def _held(world: World, session_id: str) -> SimulatedSession:
    with world.lock:
        session = world.sessions.get(session_id)
    if session is None:
        raise _unknown(session_id)
    return session


def _unknown(session_id: str) -> Failure:
    return Failure(f'The "{session_id}" instance does not exist', status=404)


def _not_connected(session_id: str) -> str:
    return f'The "{session_id}" instance is not connected'


def _refusal(world: World, request: Request) -> Reply | None:
    if same(request.header("apikey"), world.settings.api_key):
        return None
    said = {"status": 401, "error": "Unauthorized", "response": {"message": "Unauthorized"}}
    return json_reply(said, status=401)


def _failed(failure: Failure) -> Reply:
    return _error(failure.status, str(failure))


def _not_found(request: Request) -> Reply:
    return _error(404, f"Cannot {request.method} {request.path}")


def _error(status: int, message: str) -> Reply:
    said = {"status": status, "error": HTTPStatus(status).phrase}
    return json_reply(said | {"response": {"message": [message]}}, status=status)


DIALECT = Dialect(
    refusal=_refusal,
    failed=_failed,
    not_found=_not_found,
    routes=(
        route("GET", "/", _welcome, needs_key=False),
        route("GET", "/instance/fetchInstances", _list),
        route("POST", "/instance/create", _create),
        route("GET", "/instance/connectionState/{session_id+}", _state),
        route("GET", "/instance/connect/{session_id+}", _connect),
        route("POST", "/instance/restart/{session_id+}", _restart),
        route("DELETE", "/instance/logout/{session_id+}", _log_out),
        route("DELETE", "/instance/delete/{session_id+}", _delete),
    ),
)
