"""The simulated gateway's REST interface, answer by answer as recorded from the Node service."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass

from gateways.simulator import control, mishaps
from gateways.simulator.events import message_id
from gateways.simulator.sessions import SimulatedSession, iso
from gateways.simulator.world import Failure, State, World
from gateways.simulator.wsgi import (
    Application,
    Environ,
    NotJson,
    Reply,
    Request,
    StartResponse,
    html_reply,
    json_reply,
    read_request,
    same,
    send,
)
from gateways.webjs_words import KEY_HEADER

_ERROR_PAGE = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


def application(world: World) -> Application:
    """Both interfaces: the control one answers even while the gateway does not."""

    def answer(environ: Environ, start_response: StartResponse) -> list[bytes]:
        if environ.get("PATH_INFO", "").startswith(control.PREFIX):
            return send(control.reply(world, environ), start_response)
        world.host.hold(lambda: world.state is State.FROZEN)
        if world.state is State.STOPPED:
            world.host.refuse()
        return send(reply(world, environ), start_response)

    return answer


def reply(world: World, environ: Environ) -> Reply:
    """One call's answer."""
    try:
        request = read_request(environ)
    except NotJson as error:
        return html_reply(f"<pre>SyntaxError: {error}</pre>", status=400)
    for route in _ROUTES:
        match = route.path.fullmatch(request.path)
        if match and request.method == route.method:
            return _answered(world, request, route, match.groupdict())
    what = html.escape(f"{request.method} {request.path}")
    return html_reply(f"<!DOCTYPE html>\n<pre>Cannot {what}</pre>\n", status=404)


@dataclass(frozen=True, slots=True)
class _Route:
    method: str
    path: re.Pattern[str]
    handler: Callable[..., Reply]
    needs_key: bool = True


def _answered(world: World, request: Request, route: _Route, names: dict[str, str]) -> Reply:
    if route.needs_key and not _has_key(world, request):
        return json_reply({"error": "Invalid API key"}, status=401)
    try:
        return route.handler(world, request, **names)
    except Failure as failure:
        return json_reply({"error": str(failure)}, status=failure.status)
    finally:
        world.settle()


def _has_key(world: World, request: Request) -> bool:
    """As shipped only `api_key`: in the query of a GET, in the body of anything else."""
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
    fault, kept = world.faults.list_fault, entries[: world.faults.list_keeps]
    if fault == "html":
        return html_reply(_ERROR_PAGE, status=502)
    if fault == "error":
        return json_reply({"error": "Failed to get sessions"}, status=500)
    if fault == "empty":
        return _whole_list([], total=0)
    if fault == "partial":
        return _whole_list(kept, total=len(kept))
    if fault == "partial_wrong_total":
        return _whole_list(kept, total=len(entries))
    if fault == "no_total":
        return json_reply({"success": True, "sessions": entries})
    if fault == "unreadable_entry":
        return _whole_list([*entries[:-1], {"session_id": None}], total=len(entries))
    whole = _whole_list(entries, total=len(entries))
    if fault == "truncated":
        return Reply(status=200, content=whole.content[: len(whole.content) // 2])
    return whole


def _whole_list(entries: list[dict[str, object]], *, total: int) -> Reply:
    return json_reply({"success": True, "sessions": entries, "total": total})


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
            "phone_number": session.phone_number,
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
    mishaps.speak(world, session_id, sent=True)
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


def _route(
    method: str, path: str, handler: Callable[..., Reply], *, needs_key: bool = True
) -> _Route:
    pattern = path.replace("{session_id}", "(?P<session_id>.+)")
    return _Route(method, re.compile(pattern, re.DOTALL), handler, needs_key)


_ROUTES = (
    _route("GET", "/health", _health, needs_key=False),
    _route("GET", "/api/sessions", _list),
    _route("GET", "/api/sessions/{session_id}/status", _status),
    _route("GET", "/api/messages/{session_id}/validate", _validate),
    _route("POST", "/api/messages/send", _send_message),
    _route("POST", "/api/sessions", _create),
    _route("POST", "/api/sessions/create", _create),
    _route("POST", "/api/sessions/{session_id}/reconnect", _reconnect),
    _route("POST", "/api/sessions/{session_id}/regenerate-qr", _reconnect),
    _route("POST", "/api/sessions/{session_id}/restore", _restore),
    _route("DELETE", "/api/sessions/{session_id}", _delete),
)
