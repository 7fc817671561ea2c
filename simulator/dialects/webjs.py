"""The Node service's REST interface, answer by answer as recorded."""

from __future__ import annotations

import html

from gateways.kinds.webjs.words import KEY_HEADER
from simulator.dialects.dialect import Dialect, Entry, faulty_list, route
from simulator.state.sessions import SimulatedSession, iso, message_id
from simulator.state.settings import Failure
from simulator.web.wsgi import Reply, Request, html_reply, json_reply, same
from simulator.world import faults
from simulator.world.world import World


def _refusal(world: World, request: Request) -> Reply | None:
    if _has_key(world, request):
        return None
    return json_reply({"error": "Invalid API key"}, status=401)


def _has_key(world: World, request: Request) -> bool:
    """Check the key. As shipped only `api_key` counts: in the query of a GET, else in the body."""
    key, query, body = (
        world.settings.api_key,
        request.query.get("api_key"),
        request.fields.get("api_key"),
    )
    if world.settings.strict:
        return same(query if request.method == "GET" else body, key)
    return any(same(given, key) for given in (query, body, request.header(KEY_HEADER)))


def _health(world: World, request: Request) -> Reply:
    with world.lock:
        listed = [one for one in world.sessions.values() if one.listed]
    if world.faults.health_agrees:
        listed = listed[: world.faults.list_keeps]
    connected = sum(one.status == "connected" for one in listed)
    return json_reply(
        {
            "status": "healthy",
            "uptime": world.uptime_seconds(),
            "sessions": {
                "total": len(listed),
                "connected": connected,
                "disconnected": len(listed) - connected,
            },
            "memory": {"used": 28, "total": 33, "unit": "MB"},
            "timestamp": iso(world.host.now()),
        }
    )


def _list(world: World, request: Request) -> Reply:
    with world.lock:
        entries = [one.as_listed() for one in world.sessions.values() if one.listed]
    return _faulty_list(world, entries)


def _faulty_list(world: World, entries: list[dict[str, object]]) -> Reply:
    failed = json_reply({"error": "Failed to get sessions"}, status=500)
    return faulty_list(world, entries, _whole_list, odd={"session_id": None}, failed=failed)


def _whole_list(entries: list[Entry], total: int | None) -> object:
    said = {"success": True, "sessions": entries}
    return said if total is None else {**said, "total": total}


def _status(world: World, request: Request, session_id: str) -> Reply:
    with world.lock:
        return json_reply(_in_memory(world, session_id).as_status())


def _validate(world: World, request: Request, session_id: str) -> Reply:
    with world.lock:
        session = _in_memory(world, session_id)
    can_send = session.status == "connected"
    idle_seconds = (world.host.now() - session.last_activity).total_seconds()
    advice = []
    if idle_seconds > 3600 or not session.listed:
        advice.append("Session has been inactive for a while, consider reconnecting")
    return json_reply(
        {
            "success": True,
            "session_id": session_id,
            "status": session.status,
            "can_send": can_send,
            "phone_number": session.own_user,
            "recommendations": advice,
        }
    )


def _create(world: World, request: Request) -> Reply:
    workspace_id = _workspace_id(request)
    session_id = request.fields.get("session_id") or world.new_session_id(workspace_id)
    return _created(world.create(str(session_id), workspace_id).session_id)


def _reconnect(world: World, request: Request, session_id: str) -> Reply:
    return _created(world.reconnect(session_id, _workspace_id(request)).session_id)


def _created(session_id: str) -> Reply:
    return json_reply({"success": True, "session_id": session_id, "status": "qr_scanning"})


def _restore(world: World, request: Request, session_id: str) -> Reply:
    raise Failure("workspaceId is not defined")  # observed: always, in shipped versions


def _delete(world: World, request: Request, session_id: str) -> Reply:
    if world.delete(session_id):
        return json_reply({"success": True, "message": "Session disconnected successfully"})
    return json_reply(
        {
            "success": True,
            "message": "Session already disconnected or not found in memory",
            "alreadyDisconnected": True,
        }
    )


def _send_message(world: World, request: Request) -> Reply:
    session_id = str(request.fields.get("session_id"))
    world.send_message(session_id, str(request.fields.get("recipient_phone")))
    faults.speak(world, session_id, sent=True)
    sent_id = message_id(world.random, sent=True)
    return json_reply({"success": True, "message_id": sent_id})


def _in_memory(world: World, session_id: str) -> SimulatedSession:
    session = world.sessions.get(session_id)
    if session is None:
        raise Failure("Session not found", status=404)
    return session


def _workspace_id(request: Request) -> int:
    value = str(request.fields.get("workspace_id"))
    if not value.isascii() or not value.isdigit():
        raise Failure("workspace_id is required", status=400)
    return int(value)


def _failed(failure: Failure) -> Reply:
    return json_reply({"error": str(failure)}, status=failure.status)


def _not_found(request: Request) -> Reply:
    what = html.escape(f"{request.method} {request.path}")
    return html_reply(f"<!DOCTYPE html>\n<pre>Cannot {what}</pre>\n", status=404)


DIALECT = Dialect(
    refusal=_refusal,
    failed=_failed,
    not_found=_not_found,
    routes=(
        route("GET", "/health", _health, needs_key=False),
        route("GET", "/api/sessions", _list),
        route("GET", "/api/sessions/{session_id+}/status", _status),
        route("GET", "/api/messages/{session_id+}/validate", _validate),
        route("POST", "/api/messages/send", _send_message),
        route("POST", "/api/sessions", _create),
        route("POST", "/api/sessions/create", _create),
        route("POST", "/api/sessions/{session_id+}/reconnect", _reconnect),
        route("POST", "/api/sessions/{session_id+}/regenerate-qr", _reconnect),
        route("POST", "/api/sessions/{session_id+}/restore", _restore),
        route("DELETE", "/api/sessions/{session_id+}", _delete),
    ),
)
