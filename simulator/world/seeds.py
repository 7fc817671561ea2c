"""Sessions put into memory as if they had been running for long."""

from __future__ import annotations

from collections.abc import Mapping

from gateways.phone_numbers import normal_phone_number
from simulator.state.sessions import Login, SimulatedSession, Truth
from simulator.state.settings import Failure
from simulator.world.fields import Fields
from simulator.world.world import World

# The reported status, and the real state, for each.
_TRUTHS = {
    "qr_scanning": Truth.QR_SCANNING,
    "authenticated": Truth.CONNECTING,
    "connected": Truth.CONNECTED,
    "disconnected": Truth.DISCONNECTED,
    "error": Truth.DISCONNECTED,
}
_KNOWN = ("workspace_id", "session_id", "phone_number", "state", "connected_at", "announce")


def seed(world: World, values: Mapping[str, object]) -> SimulatedSession:
    """Add one session.

    Fields: `workspace_id`, and `session_id`, `phone_number`, `state`, `connected_at`, `announce`
    (send the webhook that belongs to its state). Raise Failure (400).
    """
    fields = Fields(values)
    fields.only(_KNOWN)
    workspace_id = fields.whole("workspace_id")
    state = fields.text("state", "qr_scanning")
    if state not in _TRUTHS:
        raise Failure(f"state must be one of {', '.join(_TRUTHS)}", status=400)
    session_id = fields.text("session_id", "") or world.new_session_id(workspace_id)
    number = normal_phone_number(fields.text("phone_number", ""))
    if state == "connected" and number is None:
        raise Failure("a connected session has a phone_number of 7 to 15 digits", status=400)
    connected_at = fields.moment("connected_at", world.host.now())
    announce = fields.flag("announce", False)
    with world.lock:
        session = world.place(session_id, workspace_id)
        session.status, session.truth = state, _TRUTHS[state]
        session.is_starting = False
        if session.truth is Truth.QR_SCANNING:
            world.behaviour.draw_qr(session, world.random)
        if number is not None:
            _give_number(world, session, number)
        if state == "connected":
            session.connected_at = connected_at
        _go_on(world, session, announce=announce)
    return session


def _give_number(world: World, session: SimulatedSession, number: str) -> None:
    session.phone_number = number
    if session.truth is not Truth.QR_SCANNING:  # an invalid login, or it would connect
        world.logins[session.session_id] = Login(
            session_id=session.session_id,
            workspace_id=session.workspace_id,
            phone_number=number,
        )


def _go_on(world: World, session: SimulatedSession, *, announce: bool) -> None:
    if session.truth is Truth.QR_SCANNING:
        wait = 0.0 if announce else world.settings.pace.qr_life
        world.later(wait, session, world.renew_qr)
    elif session.truth is Truth.CONNECTING:
        world.later(world.settings.pace.load, session, world.become_ready)
    elif announce and session.truth is Truth.CONNECTED:
        world.tell(world.behaviour.ready(session, world.host.now()))
    elif announce:
        world.tell(world.behaviour.lost(session, "NAVIGATION"))
