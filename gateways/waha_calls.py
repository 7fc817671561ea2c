"""What we call on WAHA. Facts are its documentation's; it was not run by us."""

from __future__ import annotations

import msgspec

from gateways.base import (
    Capabilities,
    Health,
    Listing,
    ProbeKind,
    Reason,
    Rejected,
    Session,
    State,
    Step,
    normal_phone_number,
)
from gateways.calls import NO_ANSWER, Calls, segment
from gateways.json_fields import MAX_ID_CHARACTERS
from gateways.text import printable
from gateways.waha import STATES

# The one engine whose state is asked of its page, for a second at most.
BROWSER_ENGINE = "WEBJS"


class _Server(msgspec.Struct):
    uptime: float | None = None  # milliseconds


class _Me(msgspec.Struct):
    id: str | None = None


class _Engine(msgspec.Struct):
    engine: str = ""
    state: str | None = None


class _Session(msgspec.Struct):
    name: str
    status: str
    me: _Me | None = None
    engine: _Engine | None = None


class Client(Calls):
    """Implements `gateways.base.Client`."""

    capabilities = Capabilities(
        status_is_cached=True,
        list_is_probe=False,
        # A read of one session asks its page, for a second at most.
        probe=ProbeKind.HARMLESS,
        stop_keeps_login=True,
        can_stop=True,
        can_log_out=True,
        can_show_qr=True,
        sees_boot=True,
        # FAILED may be passing: its browser engine takes up to 30 s.
        own_retry_seconds=30,
        ladder={Reason.NONE: (Step.RESTART,), Reason.HUNG: (Step.STOP, Step.START)},
    )
    key_header = "X-Api-Key"

    def __enter__(self) -> Client:
        return self

    def health(self, *, deadline_seconds: float) -> Health:
        answer = self.call("GET", "/api/server/status", deadline_seconds=deadline_seconds)
        uptime = self.decoded(answer, _Server, accepted=(200,)).uptime
        is_known = uptime is not None and uptime >= 0
        return Health(
            uptime_seconds=uptime / 1000 if uptime is not None and is_known else None,
            sessions_held=None,
        )

    def list_sessions(self, *, deadline_seconds: float) -> Listing:
        """All of them, the stopped ones as well."""
        answer = self.call("GET", "/api/sessions?all=true", deadline_seconds=deadline_seconds)
        said = self.decoded(answer, list[_Session], accepted=(200,))
        sessions = {one.name: _translated(one) for one in said if _is_name(one.name)}
        is_whole = len(sessions) == len(said)
        return Listing(
            sessions=tuple(sessions.values()),
            complete=is_whole,
            why_incomplete="" if is_whole else "a session has an odd name, or is listed twice",
        )

    def read_session(self, session_id: str, *, deadline_seconds: float) -> Session | None:
        """One session, its page asked where it has one; None where it definitely holds none."""
        path = f"/api/sessions/{segment(session_id)}"
        answer = self.call("GET", path, deadline_seconds=deadline_seconds)
        if answer.status_code == 404 and b"Session not found" in answer.body:
            return None
        return _translated(self.decoded(answer, _Session, accepted=(200,)), is_asked=True)

    def restart_session(
        self, session_id: str, *, workspace_id: int, account_id: int, deadline_seconds: float
    ) -> None:
        """The login is kept."""
        self._tell(session_id, "restart", deadline_seconds)

    def stop_session(self, session_id: str, *, workspace_id: int, deadline_seconds: float) -> None:
        """The login is kept."""
        self._tell(session_id, "stop", deadline_seconds)

    def _tell(self, session_id: str, verb: str, seconds: float) -> None:
        path = f"/api/sessions/{segment(session_id)}/{verb}"
        answer = self.call("POST", path, body={}, deadline_seconds=seconds)
        if answer.status_code not in (200, 201):
            raise Rejected(f"{answer.where}: {answer.status_code}", status_code=answer.status_code)


def _is_name(name: str) -> bool:
    return 0 < len(name) <= MAX_ID_CHARACTERS


def _translated(said: _Session, *, is_asked: bool = False) -> Session:
    """`is_asked`: the answer also holds what the engine's page said, unless it did not answer."""
    word = printable(said.status, limit=200)
    unmapped: tuple[State | None, Reason] = (None, Reason.UNRECOGNISED)
    state, reason = STATES.get(word.lower(), unmapped)
    engine = said.engine
    is_mute = engine is not None and engine.engine == BROWSER_ENGINE and not engine.state
    if is_asked and is_mute and state is State.CONNECTED:
        state, word = None, f"{word}, but its page gives {NO_ANSWER}"
    is_connected = state is State.CONNECTED
    return Session(
        session_id=said.name,
        state=state,
        reason=reason,
        raw_state=word,
        phone_number=normal_phone_number(said.me.id) if said.me and is_connected else None,
    )
