"""What we call on wwebjs-api. Everything is a GET, and a session's state is always answered with
200: the body decides. Recorded traffic: tests/captures/wwebjs-api/."""

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
from gateways.http import Answer
from gateways.text import printable
from gateways.words import Words
from gateways.wwebjs_api import LOSSES

NOT_FOUND = "session_not_found"

# Before the first `ready`, UNPAIRED means that a QR code is on the screen.
STATES: Words = LOSSES | {
    "connected": (State.CONNECTED, Reason.LISTED),
    "unpaired": (State.QR_SCANNING, Reason.LISTED),
    "unpaired_idle": (State.QR_SCANNING, Reason.LISTED),
    "pairing": (State.CONNECTING, Reason.LISTED),
    "opening": (State.CONNECTING, Reason.NETWORK),
    "timeout": (State.CONNECTING, Reason.NETWORK),
    "unlaunched": (State.CONNECTING, Reason.LISTED),
    "": (State.CONNECTING, Reason.LISTED),
}
# How it says, in place of a state, that there is no live page behind the session (observed).
FAULTS = (
    ("session closed", State.DISCONNECTED, Reason.BROWSER_GONE),
    ("browser tab closed", State.DISCONNECTED, Reason.BROWSER_GONE),
    ("Target closed", State.DISCONNECTED, Reason.BROWSER_GONE),
    ("detached Frame", State.DISCONNECTED, Reason.BROWSER_GONE),
    ("window.require is not a function", State.DISCONNECTED, Reason.NAVIGATION),
    ("Execution context was destroyed", State.CONNECTING, Reason.NAVIGATION),
    ("protocolTimeout", State.UNRESPONSIVE, Reason.BROWSER_GONE),
)


class _Status(msgspec.Struct):
    success: bool
    state: str | None = None
    message: str = ""


class _Outcome(msgspec.Struct):
    success: bool
    message: str = ""
    error: str = ""


class _List(msgspec.Struct):
    success: bool
    result: list[str]


class _Wid(msgspec.Struct):
    user: str = ""


class _Info(msgspec.Struct):
    wid: _Wid | None = None


class _About(msgspec.Struct):
    sessionInfo: _Info | None = None  # its name in the answer


class Client(Calls):
    """Implements `gateways.base.Client`."""

    capabilities = Capabilities(
        status_is_cached=False,
        list_is_probe=True,
        probe=ProbeKind.HARMLESS,
        stop_keeps_login=True,
        can_stop=True,
        can_log_out=True,
        can_show_qr=True,
        sees_boot=False,
        own_retry_seconds=15,
        ladder={
            Reason.NONE: (Step.RESTART,),
            # Its `restart` asks the page first and waits for ever; `stop` does not.
            Reason.HUNG: (Step.STOP, Step.START),
            # Observed, 8 of 8: whatever is asked of such a session ends the whole gateway.
            Reason.PAGE_GONE: (),
        },
    )

    def __enter__(self) -> Client:
        return self

    def health(self, *, deadline_seconds: float) -> Health:
        """It says neither since when it runs nor what it holds: a boot cannot be seen."""
        answer = self.call("GET", "/ping", deadline_seconds=deadline_seconds)
        self.decoded(answer, _Outcome, accepted=(200,))
        return Health(uptime_seconds=None, sessions_held=None)

    def list_sessions(self, *, deadline_seconds: float) -> Listing:
        """Names only, from its memory; each is read."""
        budget = Budget(deadline_seconds)
        answer = self.call("GET", "/session/getSessions", deadline_seconds=deadline_seconds)
        said = self.decoded(answer, _List, accepted=(200,))
        if not said.success:
            raise self.rejected(answer, "it says that it did not succeed")
        return read_each(said.result, self._status, budget=budget)

    def read_session(self, session_id: str, *, deadline_seconds: float) -> Session | None:
        """One session, with its number where it is connected; None where it holds none."""
        budget = Budget(deadline_seconds)
        session = self._status(session_id, deadline_seconds)
        if session is None or session.state is not State.CONNECTED:
            return session
        number = self._number(session_id, budget.left())
        return replace(session, phone_number=number) if number else session

    def restart_session(
        self, session_id: str, *, workspace_id: int, account_id: int, deadline_seconds: float
    ) -> None:
        """The login is kept. One that it does not hold is started."""
        budget = Budget(deadline_seconds)
        answer = self._get("restart", session_id, deadline_seconds)
        said = self.decoded(answer, _Outcome, accepted=(200, 422, 500))
        if said.message == NOT_FOUND:
            answer = self._get("start", session_id, max(0.1, budget.left()))
            said = self.decoded(answer, _Outcome, accepted=(200, 422, 500))
        if not said.success:
            raise self.rejected(answer, said.error or said.message or "it did not succeed")

    def stop_session(self, session_id: str, *, workspace_id: int, deadline_seconds: float) -> None:
        """The login is kept; succeeds for an id it does not hold, too."""
        answer = self._get("stop", session_id, deadline_seconds)
        said = self.decoded(answer, _Outcome, accepted=(200, 422, 500))
        if not said.success:
            raise self.rejected(answer, said.error or said.message or "it did not succeed")

    def _get(self, verb: str, session_id: str, seconds: float) -> Answer:
        path = f"/session/{verb}/{segment(session_id)}"
        return self.call("GET", path, deadline_seconds=seconds)

    def _status(self, session_id: str, seconds: float) -> Session | None:
        answer = self._get("status", session_id, seconds)
        said = self.decoded(answer, _Status, accepted=(200,))
        if said.message == NOT_FOUND:
            return None
        state, reason, word = _meaning(said)
        return Session(session_id=session_id, state=state, reason=reason, raw_state=word)

    def _number(self, session_id: str, seconds: float) -> str | None:
        """A detail: without it the session is connected all the same."""
        try:
            path = f"/client/getClassInfo/{segment(session_id)}"
            answer = self.call("GET", path, deadline_seconds=max(0.1, seconds))
            said = self.decoded(answer, _About, accepted=(200,))
        except GatewayError:
            return None
        wid = said.sessionInfo.wid if said.sessionInfo else None
        return normal_phone_number(wid.user) if wid else None


def _meaning(said: _Status) -> tuple[State | None, Reason, str]:
    if said.message in ("session_connected", "session_not_connected"):
        word = printable(said.state or "", limit=200)
        unmapped: tuple[State | None, Reason] = (None, Reason.UNRECOGNISED)
        return *STATES.get(word.lower(), unmapped), word
    word = printable(said.message, limit=200)
    for fault, state, reason in FAULTS:
        if fault in said.message:
            return state, reason, word
    return None, Reason.UNRECOGNISED, word
