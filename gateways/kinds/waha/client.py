"""The client of WAHA. Facts are from its documentation; we did not run it."""

from __future__ import annotations

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
    Rejected,
    Session,
    State,
    Step,
    normal_phone_number,
)
from gateways.kinds.base_client import (
    NO_ANSWER,
    Budget,
    Calls,
    probed,
    read_entries,
    reason_given,
    segment,
    without_unread,
)
from gateways.kinds.waha.restrictions import restriction_of
from gateways.kinds.waha.words import STATES
from gateways.wire.qr_images import address_of_base64, address_of_code, address_of_png
from gateways.wire.untrusted import MAX_ID_CHARACTERS, printable

# The only engine whose page is asked for the state, for at most a second.
BROWSER_ENGINE = "WEBJS"
LIVE_STATE = "CONNECTED"
KEEPS_LOGIN = "PLUS"
LOSES_LOGIN = ("2023.", "2024.")
NOT_FOUND = "Session not found"
# With a 422, for the start and restart of a session in FAILED.
STARTED = "is already started"


class _WahaServer(msgspec.Struct):
    uptime: float | None = None  # milliseconds


class _Version(msgspec.Struct):
    version: str = ""
    tier: str = ""
    engine: str = ""


class _WahaCode(msgspec.Struct):
    data: str = ""
    value: str = ""


class _WahaMe(msgspec.Struct):
    id: object = None
    jid: object = None
    reachoutTimelock: object = msgspec.UNSET  # noqa: N815 - its name in the answer
    messageCapping: object = msgspec.UNSET  # noqa: N815 - its name in the answer


class _Engine(msgspec.Struct):
    engine: str = ""
    state: str | None = None


class _WahaSession(msgspec.Struct):
    name: str
    status: str | None = None
    me: _WahaMe | None = None
    engine: _Engine | None = None


class WahaClient(Calls):
    """Implements `gateways.base.Client`."""

    capabilities = Capabilities(
        status_is_cached=True,
        list_is_probe=False,
        # A read of one session asks its page, for at most a second.
        probe=ProbeKind.HARMLESS,
        # Observed: Core with its browser engine has the login in a temporary folder.
        stop_keeps_login=None,
        can_stop=True,
        can_log_out=True,
        can_show_qr=True,
        sees_boot=True,
        # FAILED may be passing: its browser engine takes up to 30 s.
        own_retry_seconds=30,
        starts_within_seconds=300,
        # Its calls need an existing session: for any other all answer 404.
        ladder={
            Reason.NONE: (Step.RESTART,),
            Reason.HUNG: (Step.STOP, Step.START),
            Reason.MISSING: (),
        },
    )
    key_header = "X-Api-Key"

    def health(self, *, deadline_seconds: float) -> Health:
        answer = self.call("GET", "/api/server/status", deadline_seconds=deadline_seconds)
        uptime = self.decoded(answer, _WahaServer).uptime
        is_known = uptime is not None and uptime >= 0
        return Health(
            uptime_seconds=uptime / 1000 if uptime is not None and is_known else None,
            sessions_held=None,
        )

    def keeps_login(self, *, deadline_seconds: float) -> bool | None:
        """Ask its version. Plus keeps the login. Core 2024.10 with a browser has it in a temporary
        folder (observed: each restart was a new login); the rest of Core was not run."""
        answer = self.call("GET", "/api/server/version", deadline_seconds=deadline_seconds)
        said = self.decoded(answer, _Version)
        if said.tier.upper() == KEEPS_LOGIN:
            return True
        is_temporary = said.engine == BROWSER_ENGINE and said.version.startswith(LOSES_LOGIN)
        return False if is_temporary else None

    def list_sessions(self, *, deadline_seconds: float, unasked: Collection[str] = ()) -> Listing:
        """List all sessions, the stopped ones as well; no page is asked."""
        answer = self.call("GET", "/api/sessions?all=true", deadline_seconds=deadline_seconds)
        said, unread = read_entries(self.decoded(answer, list[msgspec.Raw]), _WahaSession)
        sessions = {one.name: _translated(one) for one in said if _is_name(one.name)}
        is_whole = len(sessions) == len(said)
        listing = Listing(
            sessions=tuple(sessions.values()),
            complete=is_whole,
            why_incomplete="" if is_whole else "a session has an odd name, or is listed twice",
        )
        return without_unread(listing, unread)

    def read_session(self, session_id: str, *, deadline_seconds: float) -> Session | None:
        """Return one session, its page asked if it has one; None if it certainly does not exist."""
        said = self._one(session_id, deadline_seconds)
        return _translated(said, is_asked=True) if said else None

    def probe_session(self, session_id: str, *, deadline_seconds: float) -> Probe:
        """Probe by a read, which asks the page, for at most a second, if the engine has one.

        Its `activity` proves nothing: our own calls set it.
        """

        def ask(seconds: float) -> Probe:
            said = self._one(session_id, seconds)
            if said is None:
                return Probe(pulse=Pulse.UNCLEAR, reason=Reason.MISSING, raw=NOT_FOUND)
            return _pulse(said)

        return probed(ask, self.health, deadline_seconds=deadline_seconds)

    def read_qr(self, session_id: str, *, deadline_seconds: float) -> str | None:
        """Return the code. It waits up to 15 s for one, and answers 422 if there is none to
        scan."""
        path = f"/api/{segment(session_id)}/auth/qr"
        answer = self.call("GET", path, deadline_seconds=deadline_seconds)
        if answer.status_code == 422:
            return None
        if address := address_of_png(answer.body):
            return address
        said = self.decoded(answer, _WahaCode)
        return address_of_base64(said.data) or address_of_code(said.value)

    def start_session(
        self, session_id: str, *, workspace_id: int, account_id: int, deadline_seconds: float
    ) -> None:
        """Start the session. It does not create a missing one."""
        self._tell(session_id, "start", deadline_seconds)

    def restart_session(
        self, session_id: str, *, workspace_id: int, account_id: int, deadline_seconds: float
    ) -> None:
        """Restart the session. For the login see `keeps_login`.

        A failed session may be refused as started already (reported): it is stopped and started,
        but only if that certainly keeps the login.
        """
        budget = Budget(deadline_seconds)
        try:
            self._tell(session_id, "restart", deadline_seconds)
        except Rejected as refusal:
            is_started = refusal.status_code == 422 and STARTED in str(refusal)
            if not is_started or not self.keeps_login(deadline_seconds=max(0.1, budget.left())):
                raise
            self._tell(session_id, "stop", max(0.1, budget.left()))
            self._tell(session_id, "start", max(0.1, budget.left()))

    def stop_session(self, session_id: str, *, workspace_id: int, deadline_seconds: float) -> None:
        """Stop the session. For the login see `keeps_login`."""
        self._tell(session_id, "stop", deadline_seconds)

    def log_out_session(
        self, session_id: str, *, workspace_id: int, deadline_seconds: float
    ) -> None:
        """Log out. A running session is started again without its login, and shows a code."""
        self._tell(session_id, "logout", deadline_seconds)

    def _one(self, session_id: str, seconds: float) -> _WahaSession | None:
        path = f"/api/sessions/{segment(session_id)}"
        answer = self.call("GET", path, deadline_seconds=seconds)
        if answer.status_code == 404 and reason_given(answer.body) == NOT_FOUND:
            return None
        return self.decoded(answer, _WahaSession)

    def _tell(self, session_id: str, verb: str, seconds: float) -> None:
        path = f"/api/sessions/{segment(session_id)}/{verb}"
        answer = self.call("POST", path, body={}, deadline_seconds=seconds)
        if answer.status_code not in (200, 201):
            raise self.refusal(answer)


def _is_name(name: str) -> bool:
    return 0 < len(name) <= MAX_ID_CHARACTERS


def _translated(said: _WahaSession, *, is_asked: bool = False) -> Session:
    """Translate an answer. `is_asked`: it includes the state of the engine's page, unless that
    hung."""
    word = printable(said.status or "(no status)", limit=200)
    unmapped: tuple[State | None, Reason] = (None, Reason.UNRECOGNISED)
    state, reason = STATES.get(word.lower(), unmapped)
    answered = True
    if is_asked and state is State.CONNECTED and (doubt := _doubt(said)):
        state, word = None, f"{word}, but its page {doubt}"
        answered = said.engine is not None and bool(said.engine.state)
    is_connected = state is State.CONNECTED
    return Session(
        session_id=said.name,
        state=state,
        reason=reason,
        raw_state=word,
        answered=answered,
        by_page=is_asked and is_connected and _has_page(said),
        phone_number=_number(said.me) if said.me and is_connected else None,
        restriction=restriction_of((msgspec.to_builtins(said.me),)) if said.me else None,
    )


def _number(me: _WahaMe) -> str | None:
    """Return the number. The id may be a LID; one of its engines has the number beside it."""
    return normal_phone_number(me.id) or normal_phone_number(me.jid)


def _has_page(said: _WahaSession) -> bool:
    return said.engine is not None and said.engine.engine == BROWSER_ENGINE


def _doubt(said: _WahaSession) -> str:
    """Return why its page contradicts the status; "" if it does not, or if there is no page."""
    if said.engine is None or not _has_page(said) or said.engine.state == LIVE_STATE:
        return ""
    state = printable(said.engine.state or "", limit=60)
    return f"says {state}" if state else f"gives {NO_ANSWER}"


def _pulse(said: _WahaSession) -> Probe:
    session = _translated(said, is_asked=True)
    is_claimed = STATES.get((said.status or "").lower(), (None,))[0] is State.CONNECTED
    pulse, reason = Pulse.UNCLEAR, Reason.NONE
    if is_claimed and _has_page(said):
        is_silent = said.engine is None or not said.engine.state
        is_live = session.state is State.CONNECTED
        pulse = Pulse.ALIVE if is_live else Pulse.NO_ANSWER
        reason = Reason.NONE if is_live else Reason.HUNG if is_silent else Reason.DEAF
    return Probe(pulse=pulse, reason=reason, raw=session.raw_state, session=session)
