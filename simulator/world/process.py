"""The gateway as a process: stop, start, freeze, restart, restore; and its hourly clean-up."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from simulator.state.sessions import SimulatedSession, Truth
from simulator.state.settings import Failure
from simulator.world.world import ProcessState, World, profile_held

BACKEND_TRIES = 3
# Days without activity after which the Node service calls a session stale, by status (observed).
STALE_DAYS = {"disconnected": 3, "failed": 1}
STALE_DAYS_OF_ANY = 7


def stop(world: World) -> None:
    """Stop listening and sending. The memory stays."""
    _become(world, ProcessState.STOPPED)


def start(world: World) -> None:
    """Start with the memory as it was. A restart in progress ends now."""
    boot, world.waiting_boot = world.waiting_boot, None
    if boot is not None:
        boot()
    else:
        _become(world, ProcessState.RUNNING)


def freeze(world: World) -> None:
    """Accept connections, but answer and send nothing."""
    _become(world, ProcessState.FROZEN)


def thaw(world: World) -> None:
    if world.state is not ProcessState.FROZEN:
        raise Failure(f"it is {world.state}, not frozen", status=409)
    _become(world, ProcessState.RUNNING)


def restart(
    world: World,
    *,
    down_seconds: float = 0,
    failing: Collection[str] = (),
    left_over: Collection[str] = (),
) -> None:
    """Let the process die and another begin: memory lost, logins kept, a new uptime, sessions
    restored one after another. Those in `failing` cannot be restored, nor those in `left_over`: the
    browser of the process before lives on, and holds their profile (observed after a SIGKILL)."""
    with world.lock:
        inside = [(one.session_id, one.workspace_id) for one in _awake(world)]
        # A second death during the restore: the session being restored is in both lists.
        held = list(dict.fromkeys([*inside, *world.restoring, *_logins_to_restore(world)]))
        world.restoring[:] = held
        for session in _awake(world):
            del world.sessions[session.session_id]
        world.left_over |= set(left_over)
        world.timeline.forget()
        world.sender.forget()
    world.waiting_boot = lambda: _boot(world, held, failing)
    if not down_seconds:
        start(world)
        return
    stop(world)
    world.timeline.after(down_seconds, lambda: _end_restart(world), outlives_restart=True)


def _awake(world: World) -> list[SimulatedSession]:
    """Return the sessions that come back. Stopped ones keep their place in the list, if they
    have one."""
    comes_back = world.behaviour.restores_logins
    return [one for one in world.sessions.values() if comes_back or one.truth is not Truth.STOPPED]


def _logins_to_restore(world: World) -> list[tuple[str, int]]:
    if not world.behaviour.restores_logins:
        return []
    return [(login.session_id, login.workspace_id) for login in world.logins.values()]


def die(world: World) -> None:
    """End the process by its own fault, with every session. The supervisor starts it again."""
    world.note("the gateway's process died")
    restart(world, down_seconds=world.settings.pace.supervisor)


def _end_restart(world: World) -> None:
    try:
        if world.waiting_boot is not None:
            start(world)
    except Failure as failure:
        world.note(f"the restart failed: {failure}")


def _boot(world: World, held: list[tuple[str, int]], failing: Collection[str]) -> None:
    with world.lock:
        world.started_at = world.host.now()
    world.timeline.after(0, lambda: restore(world, held, failing))
    _become(world, ProcessState.RUNNING)


def _become(world: World, state: ProcessState) -> None:
    with world.lock:
        world.state = state
    world.when_state_changes(state)
    world.note(f"the gateway is {state}")
    world.settle()


def begin(world: World, held: list[tuple[str, int]]) -> None:
    """Start for the first time: restore what was held, and what this kind restores besides."""
    restore(world, list(dict.fromkeys([*held, *_logins_to_restore(world)])))


def restore(
    world: World, held: list[tuple[str, int]], failing: Collection[str] = (), tries: int = 1
) -> None:
    """Ask the backend which sessions should run, at most three times.

    Without a backend or an answer use `held`: what this gateway knows by itself.
    """
    with world.lock:
        world.restoring[:] = held
    wanted = _asked(world) if world.backend else held
    if wanted is None and tries < BACKEND_TRIES:
        world.timeline.after(
            world.settings.pace.backend_retry,
            lambda: restore(world, held, failing, tries + 1),
        )
    else:
        if wanted is None:
            world.note("no answer from the backend: restoring what was held before")
        _restore_next(world, held if wanted is None else wanted, failing)


def _asked(world: World) -> list[tuple[str, int]] | None:
    answer = _ask(world, "GET", "/api/whatsapp/accounts/active", bearer=False)
    if answer is None:
        return None
    found = answer.get("sessions")
    entries = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    return [(str(one.get("session_id")), int(one.get("workspace_id") or 0)) for one in entries]


def _restore_next(world: World, waiting: list[tuple[str, int]], failing: Collection[str]) -> None:
    with world.lock:
        waiting = [one for one in waiting if one[0] not in world.sessions]
        world.restoring[:] = waiting
        if not waiting:
            return
        now = waiting[:1] if world.behaviour.restores_one_by_one else waiting
        sessions = [world.place(*one) for one in now]
        for session in sessions:
            world.tell(world.behaviour.starting(session))

    def finish() -> None:
        with world.lock:
            if world.restoring != waiting:
                return  # a reset, or another start, came between
        for session in sessions:
            if session.session_id in world.left_over:
                profile = f"workspace_{session.workspace_id}/session-{session.session_id}"
                _give_up_restoring(world, session, profile_held(profile))
            elif session.session_id in failing or world.faults.whatsapp_unreachable:
                _give_up_restoring(world, session)
            else:
                world.run(session, world.begin)
        _restore_next(world, waiting[len(sessions) :], failing)

    world.timeline.after(world.settings.pace.restore, finish)


def _give_up_restoring(
    world: World, session: SimulatedSession, why: str = "Failed to restore session"
) -> None:
    with world.lock:
        world.sessions.pop(session.session_id, None)
    world.note(f"{session.session_id} could not be restored")
    body = {"workspace_id": session.workspace_id, "reason": why}
    path = f"/api/whatsapp/sessions/{session.session_id}/mark-disconnected"
    if world.backend is not None:
        _ask(world, "POST", path, body, bearer=False)


def clean_up(world: World) -> dict[str, list[str]]:
    """Run the hourly clean-up now: ask which accounts may be cleaned, judge, delete login files."""
    answer = _ask(world, "GET", "/api/whatsapp/accounts-for-cleanup", bearer=True)
    if answer is None:
        raise Failure("the backend did not answer; see the notes", status=502)
    offered = answer.get("data")
    outcome: dict[str, list[str]] = {"deleted": [], "spared": []}
    for account in offered if isinstance(offered, list) else []:
        is_stale = _is_stale(account, world.host.now())
        outcome["deleted" if is_stale else "spared"].append(str(account.get("session_id")))
        if is_stale:
            _clean_one(world, account)
    world.settle()
    return outcome


def _clean_one(world: World, account: dict[str, object]) -> None:
    with world.lock:
        world.logins.pop(str(account.get("session_id")), None)
        world.changed()
    now = world.host.now().isoformat()
    path = f"/api/whatsapp/accounts/{account.get('id')}/status"
    _ask(world, "PATCH", path, {"last_cleanup_at": now}, bearer=True)
    log = {
        "whatsapp_account_id": account.get("id"),
        "action": "session_cleanup",
        "status": "success",
        "reason": "stale",
        "metadata": {"session_id": account.get("session_id")},
    }
    _ask(world, "POST", "/api/whatsapp/cleanup-logs", log, bearer=True)


def _is_stale(account: dict[str, object], now: datetime) -> bool:
    days = STALE_DAYS.get(str(account.get("status")), STALE_DAYS_OF_ANY)
    seen = account.get("last_activity_at") or account.get("last_connected_at")
    seen = seen or account.get("created_at")
    if not isinstance(seen, str):
        return True  # never seen alive counts as stale
    return datetime.fromisoformat(seen) < now - timedelta(days=days)


def _ask(
    world: World,
    method: str,
    path: str,
    body: dict[str, object] | None = None,
    *,
    bearer: bool,
) -> dict[str, object] | None:
    """Return the backend's answer, or None with a note."""
    if world.backend is None:
        raise Failure("this simulator was started without a backend", status=409)
    try:
        status, answer = world.backend(method, path, body, bearer)
    except OSError as error:
        world.note(f"{method} {path}: {type(error).__name__}")
        return None
    if status != 200 or not isinstance(answer, dict):
        world.note(f"{method} {path}: answered {status}")
        return None
    return answer
