"""Events that happen to a session from outside: phones, browsers, WhatsApp, and false reports.

Every function takes the world and a session id. It raises Failure (404, 409) if the event is
impossible. `honest` sets the gateway's reaction: as shipped it notices nothing and still reports
"connected"; an honest one sends the webhook and reports "disconnected".
"""

from __future__ import annotations

from gateways.phone_numbers import Sort, named, normal_phone_number
from simulator.state.sessions import Browser, Login, SimulatedSession, Truth
from simulator.state.settings import Failure
from simulator.world import process
from simulator.world.world import World


def scan(world: World, session_id: str, *, phone_number: str) -> None:
    """Scan the QR code with a phone: authenticated, then ready."""
    number = normal_phone_number(phone_number)
    if number is None:
        raise Failure("phone_number must have 7 to 15 digits", status=400)
    with world.lock:
        session = held(world, session_id)
        if session.truth is not Truth.QR_SCANNING or session.browser is not Browser.RUNNING:
            raise Failure(f"it shows no QR code (it is {session.truth})", status=409)
        world.logins[session_id] = Login(
            session_id=session_id, workspace_id=session.workspace_id, phone_number=number
        )
    world.run(session, world.authenticate)


def show_lid(world: World, session_id: str, *, lid: str) -> None:
    """Let the page report WhatsApp's own id (LID) in place of the number, from now on."""
    if named(f"{lid}@lid").sort is not Sort.LID:
        raise Failure("lid must be digits", status=400)
    with world.lock:
        session, login = held(world, session_id), world.logins.get(session_id)
        session.lid = lid
        if login is not None:
            login.lid = lid
    world.changed()


def unlink(world: World, session_id: str) -> None:
    """Remove the device on the phone. The login becomes invalid, and 1 s later there is a fresh
    QR code. The number and the connection time stay in the entry: observed."""
    with world.lock:
        session = held(world, session_id)
        world.logins.pop(session_id, None)
        world.behaviour.unlink(world, session)
    world.settle()


def disconnect(world: World, session_id: str, *, reason: str) -> None:
    """End the connection by WhatsApp or the page. The gateway passes the reason on."""
    with world.lock:
        world.behaviour.disconnect(world, held(world, session_id), reason)
    world.settle()


def conflict(world: World, session_id: str) -> None:
    """Open the number's session elsewhere."""
    disconnect(world, session_id, reason="CONFLICT")


def block(world: World, session_id: str) -> None:
    """Ban the number on WhatsApp. Its login becomes invalid."""
    with world.lock:
        held(world, session_id)
        world.logins.pop(session_id, None)
    disconnect(world, session_id, reason="TOS_BLOCK")


def give_up(world: World, session_id: str) -> None:
    """Use up the gateway's own retries."""
    with world.lock:
        session = held(world, session_id)
        session.status, session.truth = "disconnected", Truth.DISCONNECTED
        world.tell(world.behaviour.gave_up(session, world.host.now()))
    world.settle()


def crash(world: World, session_id: str, *, honest: bool) -> None:
    """Kill the Chromium. The login stays: a reconnect restores the session."""
    if _ends_all(world, held(world, session_id)):
        process.die(world)
        return
    _break(world, session_id, Browser.DEAD, "BROWSER_CRASHED" if honest else "")


def end_left_over(world: World, session_id: str) -> None:
    """End the browser that an earlier process left behind: its profile is free again."""
    with world.lock:
        if session_id not in world.left_over:
            raise Failure("no browser was left behind on its profile", status=409)
        world.left_over.remove(session_id)


def hang(world: World, session_id: str, *, honest: bool) -> None:
    """Stop the Chromium from answering."""
    _break(world, session_id, Browser.HUNG, "BROWSER_UNRESPONSIVE" if honest else "")


def resume(world: World, session_id: str) -> None:
    """Resume a hung Chromium as if nothing happened. A page that left WhatsApp comes back."""
    with world.lock:
        session = held(world, session_id)
        if session.browser not in (Browser.HUNG, Browser.AWAY):
            raise Failure(f"its browser is {session.browser}, not hung", status=409)
        was_away = session.browser is Browser.AWAY
        session.browser = Browser.RUNNING
        if was_away:
            world.behaviour.page_came_back(world, session)
        world.stop_waiting(session)
    world.settle()


def deafen(world: World, session_id: str) -> None:
    """Cut the session off from WhatsApp invisibly: it still looks connected."""
    with world.lock:
        session = _alive(world, session_id)
        session.truth, session.socket = Truth.DISCONNECTED, "CONNECTED"


def crash_tab(world: World, session_id: str) -> None:
    """Crash the tab. Chromium runs on, and no answer comes any more."""
    _break(world, session_id, Browser.CRASHED, "")


def close_tab(world: World, session_id: str) -> None:
    """Close the tab. Chromium runs on."""
    _break(world, session_id, Browser.CLOSED, "")


def leave(world: World, session_id: str) -> None:
    """Move the page away from WhatsApp (to an error page, for example).

    Observed with wwebjs-api: unless the page comes back, the whole process dies half a minute
    later, and at once by a restart or a stop.
    """
    _break(world, session_id, Browser.AWAY, "")
    seconds = world.behaviour.dies_of_lost_page_seconds
    if seconds is not None:
        world.later(seconds, held(world, session_id), lambda left: _end_if_away(world, left))


def _end_if_away(world: World, session: SimulatedSession) -> None:
    if _ends_all(world, session):
        process.die(world)


def _ends_all(world: World, session: SimulatedSession) -> bool:
    dies = world.behaviour.dies_of_lost_page_seconds is not None
    return dies and session.browser is Browser.AWAY


def lose(world: World, session_id: str) -> None:
    """Remove the session from memory silently. The login stays on disk."""
    with world.lock:
        held(world, session_id)
        del world.sessions[session_id]
        world.changed()
    world.settle()


def set_listed(world: World, session_id: str, *, listed: bool) -> None:
    """Set whether a live session is in the list. If not, its status answer lacks the workspace."""
    with world.lock:
        held(world, session_id).listed = listed


def lie(world: World, session_id: str, *, status: str) -> None:
    """Report `status` from now on, whatever the real state is."""
    with world.lock:
        held(world, session_id).status = status


def claim_reconnected(world: World, session_id: str) -> None:
    """Send a "session_reconnected" that is not true."""
    with world.lock:
        session = held(world, session_id)
        world.tell(world.behaviour.reconnected(session, world.host.now()))
    world.settle()


def report_error(world: World, session_id: str, *, error: str) -> None:
    with world.lock:
        world.tell(world.behaviour.error(held(world, session_id), error))
    world.settle()


def speak(world: World, session_id: str, *, sent: bool = False, megabytes: float = 0) -> None:
    """Send or receive a message, if the session is alive."""
    with world.lock:
        session = _alive(world, session_id)
        now = session.last_activity = world.host.now()
        bodies = world.behaviour.message(
            session, now=now, source=world.random, sent=sent, megabytes=megabytes
        )
    world.tell(bodies)
    world.settle()


def acknowledge(world: World, session_id: str) -> None:
    """Report that a recipient's phone received a message of ours."""
    with world.lock:
        session = _alive(world, session_id)
        now = session.last_activity = world.host.now()
        world.tell(world.behaviour.acknowledgement(session, now, world.random))
    world.settle()


def held(world: World, session_id: str) -> SimulatedSession:
    session = world.sessions.get(session_id)
    if session is None:
        raise Failure("no such session in memory", status=404)
    return session


def _alive(world: World, session_id: str) -> SimulatedSession:
    session = held(world, session_id)
    if not session.is_alive:
        raise Failure(f"it cannot speak: {session.truth}, browser {session.browser}", status=409)
    return session


def _break(world: World, session_id: str, browser: Browser, said: str) -> None:
    with world.lock:
        session = held(world, session_id)
        if not world.behaviour.has_browser:
            raise Failure(f"{world.behaviour.kind} has no browser", status=409)
        session.browser = browser
        if not session.is_mute:
            world.stop_waiting(session)
        if said:
            session.status = "disconnected"
            world.tell(world.behaviour.lost(session, said))
        elif browser in (Browser.DEAD, Browser.CLOSED, Browser.CRASHED):
            world.behaviour.browser_died(world, session)
    world.settle()
