"""What we call on Evolution API 2. Facts are from its source; it was not run by us.

Its list is of database rows, which stay `open` while a session reconnects for ever: names are taken
from there, states from its memory, one by one.
"""

from __future__ import annotations

from dataclasses import replace

import msgspec

from gateways.base import (
    Capabilities,
    GatewayError,
    Health,
    Listing,
    ProbeKind,
    Reason,
    Session,
    State,
    Step,
    normal_phone_number,
)
from gateways.calls import Budget, Calls, read_each, segment
from gateways.text import printable
from gateways.words import Words

STATES: Words = {
    "open": (State.CONNECTED, Reason.LISTED),
    "connecting": (State.CONNECTING, Reason.LISTED),
    "close": (State.DISCONNECTED, Reason.LISTED),
    "refused": (State.DISCONNECTED, Reason.QR_EXPIRED),
    "": (State.DISCONNECTED, Reason.LISTED),  # known, and not loaded
}


class _Row(msgspec.Struct):
    name: str
    owner: str | None = msgspec.field(default=None, name="ownerJid")


class _Instance(msgspec.Struct):
    state: str | None = None


class _State(msgspec.Struct):
    instance: _Instance


class _Outcome(msgspec.Struct):
    error: object = None
    message: object = None


class Client(Calls):
    """Implements `gateways.base.Client`."""

    capabilities = Capabilities(
        # Its memory's word, which nothing checks: `open` while the socket is closed (reported).
        status_is_cached=True,
        list_is_probe=False,
        probe=ProbeKind.NONE,
        stop_keeps_login=False,
        # What it calls logout deletes the login; it has no other way to stop.
        can_stop=False,
        can_log_out=True,
        can_show_qr=True,
        sees_boot=False,
        own_retry_seconds=120,
        ladder={Reason.NONE: (Step.RESTART,)},
    )
    key_header = "apikey"
    refusals = frozenset({401})

    def __enter__(self) -> Client:
        return self

    def health(self, *, deadline_seconds: float) -> Health:
        """Nothing is asked: its welcome page makes a call to the internet each time, and says
        neither since when it runs nor what it holds."""
        return Health(uptime_seconds=None, sessions_held=None)

    def list_sessions(self, *, deadline_seconds: float) -> Listing:
        budget = Budget(deadline_seconds)
        rows = self._rows(deadline_seconds)
        owners = {row.name: normal_phone_number(row.owner) for row in rows}
        listing = read_each(owners, self._state, budget=budget)
        return replace(
            listing, sessions=tuple(_owned(session, owners) for session in listing.sessions)
        )

    def read_session(self, session_id: str, *, deadline_seconds: float) -> Session | None:
        """None where it definitely holds none."""
        budget = Budget(deadline_seconds)
        session = self._state(session_id, deadline_seconds)
        if session is None or session.state is not State.CONNECTED:
            return session
        try:
            rows = self._rows(max(0.1, budget.left()))
        except GatewayError:
            return session  # its number is a detail: it is connected all the same
        return _owned(session, {row.name: normal_phone_number(row.owner) for row in rows})

    def restart_session(
        self, session_id: str, *, workspace_id: int, account_id: int, deadline_seconds: float
    ) -> None:
        """The login is kept. It answers 200 also where it did not."""
        path = f"/instance/restart/{segment(session_id)}"
        answer = self.call("POST", path, body={}, deadline_seconds=deadline_seconds)
        said = self.decoded(answer, _Outcome, accepted=(200, 201))
        if said.error:
            raise self.rejected(answer, f"{said.message or 'it did not succeed'}")

    def stop_session(self, session_id: str, *, workspace_id: int, deadline_seconds: float) -> None:
        """It has no such call: what it calls logout deletes the login, and does not wait for it."""
        raise GatewayError(
            "Evolution API cannot stop an instance and keep its login: log it out there, if that "
            "is what you want"
        )

    def _rows(self, seconds: float) -> list[_Row]:
        answer = self.call("GET", "/instance/fetchInstances", deadline_seconds=seconds)
        return self.decoded(answer, list[_Row], accepted=(200,))

    def _state(self, session_id: str, seconds: float) -> Session | None:
        path = f"/instance/connectionState/{segment(session_id)}"
        answer = self.call("GET", path, deadline_seconds=seconds)
        if answer.status_code == 404 and b"does not exist" in answer.body:
            return None
        word = self.decoded(answer, _State, accepted=(200,)).instance.state or ""
        word = printable(word, limit=200)
        unmapped: tuple[State | None, Reason] = (None, Reason.UNRECOGNISED)
        state, reason = STATES.get(word.lower(), unmapped)
        return Session(session_id=session_id, state=state, reason=reason, raw_state=word)


def _owned(session: Session, owners: dict[str, str | None]) -> Session:
    """With its number, where it is connected with one."""
    if session.state is not State.CONNECTED:
        return session
    return replace(session, phone_number=owners.get(session.session_id))
