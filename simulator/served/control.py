"""The control interface below /_control: it orders faults and events in the simulated gateway.

Documented for people, with lines to copy, in docs/simulator.md; a test keeps the two in
agreement.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TypeAlias

from simulator.state.settings import Failure, Faults, Traffic, WebhookFaults
from simulator.web.wsgi import Environ, NotJson, Reply, Request, json_reply, read_request, same
from simulator.world import faults, process
from simulator.world.fields import Fields
from simulator.world.seeds import seed
from simulator.world.world import ProcessState, World

PREFIX = "/_control"
KEY_HEADER = "X-Control-Key"
LIST_FAULTS = (
    "empty",
    "partial",
    "partial_wrong_total",
    "no_total",
    "unreadable_entry",
    "html",
    "error",
    "truncated",
)

SessionVerb: TypeAlias = Callable[[World, str, Fields], None]
GatewayVerb: TypeAlias = Callable[[World, Fields], None]

# Each verb with the fields that it accepts.
SESSION_VERBS: dict[str, tuple[tuple[str, ...], SessionVerb]] = {
    "scan": (
        ("phone_number",),
        lambda world, one, given: faults.scan(world, one, phone_number=given.text("phone_number")),
    ),
    "unlink": ((), lambda world, one, given: faults.unlink(world, one)),
    "show_lid": (
        ("lid",),
        lambda world, one, given: faults.show_lid(world, one, lid=given.text("lid")),
    ),
    "crash": (
        ("honest",),
        lambda world, one, given: faults.crash(world, one, honest=given.flag("honest", False)),
    ),
    "hang": (
        ("honest",),
        lambda world, one, given: faults.hang(world, one, honest=given.flag("honest", False)),
    ),
    "end_left_over": ((), lambda world, one, given: faults.end_left_over(world, one)),
    "resume": ((), lambda world, one, given: faults.resume(world, one)),
    "lose": ((), lambda world, one, given: faults.lose(world, one)),
    "disconnect": (
        ("reason",),
        lambda world, one, given: faults.disconnect(world, one, reason=given.text("reason")),
    ),
    "conflict": ((), lambda world, one, given: faults.conflict(world, one)),
    "block": ((), lambda world, one, given: faults.block(world, one)),
    "deafen": ((), lambda world, one, given: faults.deafen(world, one)),
    "crash_tab": ((), lambda world, one, given: faults.crash_tab(world, one)),
    "close_tab": ((), lambda world, one, given: faults.close_tab(world, one)),
    "leave": ((), lambda world, one, given: faults.leave(world, one)),
    "give_up": ((), lambda world, one, given: faults.give_up(world, one)),
    "hide": ((), lambda world, one, given: faults.set_listed(world, one, listed=False)),
    "show": ((), lambda world, one, given: faults.set_listed(world, one, listed=True)),
    "lie": (
        ("status",),
        lambda world, one, given: faults.lie(world, one, status=given.text("status")),
    ),
    "claim_reconnected": ((), lambda world, one, given: faults.claim_reconnected(world, one)),
    "report_error": (
        ("error",),
        lambda world, one, given: faults.report_error(world, one, error=given.text("error")),
    ),
    "message": (
        ("sent", "megabytes"),
        lambda world, one, given: faults.speak(
            world, one, sent=given.flag("sent", False), megabytes=given.number("megabytes", 0)
        ),
    ),
    "ack": ((), lambda world, one, given: faults.acknowledge(world, one)),
}

GATEWAY_VERBS: dict[str, tuple[tuple[str, ...], GatewayVerb]] = {
    "stop": ((), lambda world, given: process.stop(world)),
    "start": ((), lambda world, given: process.start(world)),
    "die": ((), lambda world, given: process.die(world)),
    "freeze": ((), lambda world, given: process.freeze(world)),
    "thaw": ((), lambda world, given: process.thaw(world)),
    "restart": (
        ("down_seconds", "failing", "left_over"),
        lambda world, given: process.restart(
            world,
            down_seconds=given.number("down_seconds", 0),
            failing=given.texts("failing"),
            left_over=given.texts("left_over"),
        ),
    ),
}


def reply(world: World, environ: Environ) -> Reply:
    """Answer one control call: 200, or 400, 401, 404, 409, 502 with {"error"}."""
    try:
        request = read_request(environ)
        if not same(request.header(KEY_HEADER), world.settings.control_key):
            return json_reply({"error": f"header {KEY_HEADER} is missing or wrong"}, status=401)
        return json_reply(_answer(world, request))
    except NotJson as error:
        return json_reply({"error": str(error)}, status=400)
    except Failure as failure:
        return json_reply({"error": str(failure)}, status=failure.status)
    finally:
        world.settle()


def _answer(world: World, request: Request) -> object:
    parts = request.path.removeprefix(PREFIX).strip("/").split("/")
    given = Fields(request.fields)
    if request.method == "GET" and parts == ["world"]:
        return world_as_json(world)
    if request.method != "POST":
        raise Failure(f"there is no {request.method} {request.path}", status=404)
    if parts[0] == "sessions" and len(parts) >= 3:
        return _session_verb(world, "/".join(parts[1:-1]), parts[-1], given)
    if parts[0] == "gateway" and len(parts) == 2:
        return _gateway_verb(world, parts[1], given)
    handler = _HANDLERS.get("/".join(parts))
    if handler is None:
        raise Failure(f"there is no POST {request.path}", status=404)
    return handler(world, request, given)


def _session_verb(world: World, session_id: str, name: str, given: Fields) -> object:
    if name not in SESSION_VERBS:
        raise Failure(f"no {name!r}; there are {', '.join(SESSION_VERBS)}", status=404)
    allowed, act = SESSION_VERBS[name]
    given.only(allowed)
    act(world, session_id, given)
    world.settle()
    with world.lock:
        session = world.sessions.get(session_id)
        return session.as_truth() if session else {"session_id": session_id, "gone": True}


def _gateway_verb(world: World, name: str, given: Fields) -> object:
    if name not in GATEWAY_VERBS:
        raise Failure(f"no {name!r}; there are {', '.join(GATEWAY_VERBS)}", status=404)
    allowed, act = GATEWAY_VERBS[name]
    given.only(allowed)
    act(world, given)
    return _gateway_as_json(world)


def _seed(world: World, request: Request, given: Fields) -> object:
    wanted = given.objects("sessions") if given.has("sessions") else [request.fields]
    made = [seed(world, values) for values in wanted]
    world.settle()
    return {"sessions": [session.as_truth() for session in made]}


def _set_list_fault(world: World, request: Request, given: Fields) -> object:
    given.only(("fault", "keeps", "health_agrees"))
    fault = given.text("fault", "")
    if fault and fault not in LIST_FAULTS:
        raise Failure(f"fault must be empty or one of {', '.join(LIST_FAULTS)}", status=400)
    world.faults.list_keeps = given.whole("keeps", 0)
    world.faults.health_agrees = given.flag("health_agrees", False)
    world.faults.list_fault = fault
    return dataclasses.asdict(world.faults)


def _set_webhook_faults(world: World, request: Request, given: Fields) -> object:
    """Set all webhook faults at once. A fault that is not named is off."""
    given.only(tuple(field.name for field in dataclasses.fields(WebhookFaults)))
    world.faults.webhooks = WebhookFaults(
        silent=given.flag("silent", False),
        drop=given.whole("drop", 0),
        duplicate=given.whole("duplicate", 0),
        delay_seconds=given.number("delay_seconds", 0.0),
        reorder=given.whole("reorder", 0),
        path=given.text("path", ""),
        wrong_secret=given.flag("wrong_secret", False),
        clock_skew_seconds=given.number("clock_skew_seconds", 0.0),
        key_only=given.flag("key_only", False),
    )
    return dataclasses.asdict(world.faults.webhooks)


def _release_webhooks(world: World, request: Request, given: Fields) -> object:
    world.sender.release()
    world.settle()
    return _webhooks_as_json(world)


def _send_webhook(world: World, request: Request, given: Fields) -> object:
    """Send any body, signed like all others."""
    world.sender.send(request.fields)
    world.settle()
    return _webhooks_as_json(world)


def _set_whatsapp(world: World, request: Request, given: Fields) -> object:
    """Set whether a start can reach WhatsApp."""
    given.only(("unreachable",))
    world.faults.whatsapp_unreachable = given.flag("unreachable", False)
    return dataclasses.asdict(world.faults)


def _set_traffic(world: World, request: Request, given: Fields) -> object:
    given.only(("enabled", "min_seconds", "max_seconds"))
    world.traffic = Traffic(
        enabled=given.flag("enabled", True),
        min_seconds=given.number("min_seconds", 20.0),
        max_seconds=given.number("max_seconds", 40.0),
    )
    return dataclasses.asdict(world.traffic)


def _clean_up(world: World, request: Request, given: Fields) -> object:
    given.only(())
    return process.clean_up(world)


def _reset(world: World, request: Request, given: Fields) -> object:
    """Clear all faults and run the gateway. With `sessions`, also empty memory and logins."""
    given.only(("sessions",))
    with_sessions = given.flag("sessions", False)
    with world.lock:
        world.faults = Faults()
        if with_sessions:
            world.waiting_boot = None
            world.sessions.clear()
            world.logins.clear()
            world.restoring.clear()
            world.changed()
    if world.state is not ProcessState.RUNNING:
        process.start(world)
    return world_as_json(world)


_HANDLERS: dict[str, Callable[[World, Request, Fields], object]] = {
    "sessions": _seed,
    "list": _set_list_fault,
    "webhooks": _set_webhook_faults,
    "webhooks/release": _release_webhooks,
    "webhooks/send": _send_webhook,
    "whatsapp": _set_whatsapp,
    "traffic": _set_traffic,
    "cleanup": _clean_up,
    "reset": _reset,
}


def world_as_json(world: World) -> dict[str, object]:
    """Return the true state, and beside it the state that the gateway reports."""
    with world.lock:
        return {
            "gateway": _gateway_as_json(world),
            "sessions": [one.as_truth() for one in world.sessions.values()],
            "logins": sorted(world.logins),
            "faults": dataclasses.asdict(world.faults),
            "traffic": dataclasses.asdict(world.traffic),
            "webhooks": _webhooks_as_json(world),
            "notes": list(world.notes),
        }


def _gateway_as_json(world: World) -> dict[str, object]:
    return {
        "state": world.state.value,
        "uptime_seconds": round(world.uptime_seconds(), 3),
        "restoring": [session_id for session_id, _ in world.restoring],
    }


def _webhooks_as_json(world: World) -> dict[str, object]:
    return {"outcomes": dict(world.sender.outcomes), "last": list(world.sender.last)}
