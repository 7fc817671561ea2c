"""The client of Evolution API 2. Facts are from its source; we did not run it.

Its list comes from database rows, which stay `open` while a session reconnects for ever. So only
names are taken from there; states come from its memory, one by one.
"""

from __future__ import annotations

import re
from collections.abc import Collection

import msgspec

from gateways.base import (
    Capabilities,
    Health,
    Listing,
    Probe,
    ProbeKind,
    Pulse,
    Reason,
    Session,
    State,
    Step,
    Withheld,
    normal_phone_number,
)
from gateways.kinds.base_client import (
    Budget,
    Calls,
    inner_reason,
    read_each,
    read_entries,
    segment,
    session_of_word,
    with_number,
    without_unread,
)
from gateways.kinds.base_webhooks import Words
from gateways.wire.http import Answer
from gateways.wire.qr_images import address_of_base64, address_of_code

NOT_FOUND = "does not exist"
# Its own 404, and no other's: {"response": {"message": ['The "a" instance does not exist']}}.
_MISSING = re.compile(r'The ".*" instance does not exist', re.DOTALL)
# A state is a look into its memory, no page is asked: 2,000 must be read in a few seconds.
READS_AT_ONCE = 16
STATES: Words = {
    "open": (State.CONNECTED, Reason.LISTED),
    "connecting": (State.CONNECTING, Reason.LISTED),
    "close": (State.DISCONNECTED, Reason.LISTED),
    "refused": (State.DISCONNECTED, Reason.QR_EXPIRED),
    "": (State.DISCONNECTED, Reason.LISTED),  # known, and not loaded
}


class _EvolutionInstance(msgspec.Struct):
    name: str
    owner: str | None = msgspec.field(default=None, name="ownerJid")


class _Instance(msgspec.Struct):
    state: str | None = None


class _State(msgspec.Struct):
    instance: _Instance


class _Connecting(msgspec.Struct):
    base64: str | None = None
    code: str | None = None
    error: object = None
    message: object = None


class _EvolutionOutcome(msgspec.Struct):
    error: object = None
    message: object = None


class EvolutionClient(Calls):
    """Implements `gateways.base.Client`."""

    capabilities = Capabilities(
        # The value in its memory, which nothing verifies: `open` while the socket is closed
        # (reported).
        status_is_cached=True,
        list_is_probe=False,
        probe=ProbeKind.NONE,
        stop_keeps_login=False,
        # Its logout deletes the login; it has no other way to stop.
        can_stop=False,
        can_log_out=True,
        can_show_qr=True,
        sees_boot=False,
        own_retry_seconds=120,
        starts_within_seconds=300,
        # Observed: a code is on screen, and its state is `connecting` (4 of 4).
        says_connecting_with_qr=True,
        # Its calls need an existing instance: for any other all answer 404.
        ladder={Reason.NONE: (Step.RESTART,), Reason.MISSING: ()},
    )
    key_header = "apikey"
    refusals = frozenset({401})

    def health(self, *, deadline_seconds: float) -> Health:
        """Return an empty report without a call.

        The welcome page makes a call to the internet each time, and reports neither uptime nor
        sessions.
        """
        return Health(uptime_seconds=None, sessions_held=None)

    def list_sessions(self, *, deadline_seconds: float, unasked: Collection[str] = ()) -> Listing:
        """List names from its database, states from its memory: nothing that could hang is
        asked."""
        budget = Budget(deadline_seconds)
        rows, unread = self._rows(deadline_seconds)
        owners = {row.name: normal_phone_number(row.owner) for row in rows}

        def look(name: str, seconds: float) -> Session | None:
            return with_number(self._state(name, seconds), lambda: owners[name])

        listing = read_each(owners, look, budget=budget, at_once=READS_AT_ONCE)
        return without_unread(listing, unread)

    def read_session(self, session_id: str, *, deadline_seconds: float) -> Session | None:
        """Return the session, None if it certainly does not exist."""
        budget = Budget(deadline_seconds)

        def number() -> str | None:
            rows, _ = self._rows(max(0.1, budget.left()), only=session_id)
            owners = {row.name: normal_phone_number(row.owner) for row in rows}
            return owners.get(session_id)

        return with_number(self._state(session_id, deadline_seconds), number)

    def probe_session(self, session_id: str, *, deadline_seconds: float) -> Probe:
        """Return the state in its memory: it has no way to tell a live socket from a dead one."""
        session = self._state(session_id, deadline_seconds)
        if session is None:
            return Probe(pulse=Pulse.UNCLEAR, reason=Reason.MISSING, raw=NOT_FOUND)
        return Probe(pulse=Pulse.UNCLEAR, raw=session.raw_state, session=session)

    def read_qr(self, session_id: str, *, deadline_seconds: float) -> str | None:
        """Ask only for a connecting session: the same call would start a closed one."""
        budget = Budget(deadline_seconds)
        session = self._state(session_id, deadline_seconds)
        if session is None or session.state is not State.CONNECTING:
            return None
        said = self._connect(session_id, budget.left())
        return address_of_base64(said.base64 or "") or address_of_code(said.code or "")

    def start_session(
        self, session_id: str, *, workspace_id: int, account_id: int, deadline_seconds: float
    ) -> None:
        """Connect a closed session with its login. It does not create one."""
        self._connect(session_id, deadline_seconds)

    def restart_session(
        self, session_id: str, *, workspace_id: int, account_id: int, deadline_seconds: float
    ) -> None:
        """Restart with the login. A closed session cannot be restarted (the answer is 200 with
        an error): it is connected instead."""
        budget = Budget(deadline_seconds)
        path = f"/instance/restart/{segment(session_id)}"
        answer = self.call("POST", path, body={}, deadline_seconds=deadline_seconds)
        if self.decoded(answer, _EvolutionOutcome, accepted=(200, 201)).error:
            self._connect(session_id, budget.left())

    def stop_session(self, session_id: str, *, workspace_id: int, deadline_seconds: float) -> None:
        """Raise: it has no such call. Its logout deletes the login, and does not wait for it."""
        raise Withheld(
            "Evolution API cannot stop an instance and keep its login: log it out if that is what "
            "you want"
        )

    def log_out_session(
        self, session_id: str, *, workspace_id: int, deadline_seconds: float
    ) -> None:
        """Log out. It answers before it is done, and refuses a closed session."""
        path = f"/instance/logout/{segment(session_id)}"
        answer = self.call("DELETE", path, deadline_seconds=deadline_seconds)
        said = self.decoded(answer, _EvolutionOutcome, accepted=(200, 201))
        self._require_success(answer, said.error, said.message)

    def _connect(self, session_id: str, seconds: float) -> _Connecting:
        path = f"/instance/connect/{segment(session_id)}"
        answer = self.call("GET", path, deadline_seconds=max(0.1, seconds))
        said = self.decoded(answer, _Connecting, accepted=(200, 201))
        self._require_success(answer, said.error, said.message)
        return said

    def _require_success(self, answer: Answer, error: object, message: object) -> None:
        """Raise for an error in an answer with status 200."""
        if error:
            raise self.rejected(answer, f"{message or 'it did not succeed'}")

    def _rows(
        self, seconds: float, *, only: str | None = None
    ) -> tuple[list[_EvolutionInstance], int]:
        """Return the readable rows, and the number of others."""
        path, query = "/instance/fetchInstances", {"instanceName": only} if only else None
        answer = self.call("GET", path, query=query, deadline_seconds=seconds)
        return read_entries(self.decoded(answer, list[msgspec.Raw]), _EvolutionInstance)

    def _state(self, session_id: str, seconds: float) -> Session | None:
        path = f"/instance/connectionState/{segment(session_id)}"
        answer = self.call("GET", path, deadline_seconds=seconds)
        if answer.status_code == 404 and _MISSING.fullmatch(inner_reason(answer.body)):
            return None
        return session_of_word(session_id, self.decoded(answer, _State).instance.state, STATES)
