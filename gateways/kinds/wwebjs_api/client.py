"""The client of wwebjs-api. Every call is a GET, and a session's state is always answered with
200: the body decides. Recorded traffic: tests/captures/wwebjs-api/."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress

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
    TimedOut,
    Withheld,
    normal_phone_number,
)
from gateways.kinds.base_client import (
    Budget,
    Calls,
    probed,
    read_each,
    read_entries,
    segment,
    with_number,
    without_unread,
)
from gateways.kinds.base_webhooks import Words
from gateways.kinds.whatsapp_web_js import PROFILE_HELD
from gateways.kinds.wwebjs_api.words import LOSSES
from gateways.wire.http import Answer
from gateways.wire.qr_images import address_of_code
from gateways.wire.untrusted import printable

NOT_FOUND = "session_not_found"
# A session is checked before any change; a page that takes longer counts as hung.
LOOK_SECONDS = 5.0

# Before the first `ready`, UNPAIRED means that a QR code is on the screen.
STATES: Words = LOSSES | {
    "connected": (State.CONNECTED, Reason.LISTED),
    "unpaired": (State.QR_SCANNING, Reason.LISTED),
    # No fresh code comes, and the last one has expired.
    "unpaired_idle": (State.DISCONNECTED, Reason.QR_EXPIRED),
    "pairing": (State.CONNECTING, Reason.LISTED),
    "opening": (State.CONNECTING, Reason.NETWORK),
    "timeout": (State.CONNECTING, Reason.NETWORK),
    "unlaunched": (State.CONNECTING, Reason.LISTED),
    "": (State.CONNECTING, Reason.LISTED),
}
# Its answers in place of a state if there is no live page behind the session (observed).
FAULTS = (
    ("session closed", State.DISCONNECTED, Reason.BROWSER_GONE),
    ("browser tab closed", State.DISCONNECTED, Reason.BROWSER_GONE),
    ("Target closed", State.DISCONNECTED, Reason.BROWSER_GONE),
    ("detached Frame", State.DISCONNECTED, Reason.BROWSER_GONE),
    ("window.require is not a function", State.DISCONNECTED, Reason.PAGE_GONE),
    ("Execution context was destroyed", State.CONNECTING, Reason.NAVIGATION),
    ("protocolTimeout", State.UNRESPONSIVE, Reason.HUNG),
)


class _ApiStatus(msgspec.Struct):
    success: bool
    state: str | None = None
    message: str = ""


class _ApiOutcome(msgspec.Struct):
    success: bool
    message: str = ""
    error: str = ""


class _ApiCode(msgspec.Struct):
    success: bool
    qr: str = ""


class _List(msgspec.Struct):
    success: bool
    result: list[msgspec.Raw]


class _Info(msgspec.Struct):
    wid: object = None  # its server may be that of a LID


class _ApiAbout(msgspec.Struct):
    sessionInfo: _Info | None = None  # its name in the answer


class WwebjsApiClient(Calls):
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
        starts_within_seconds=300,
        ladder={
            Reason.NONE: (Step.RESTART,),
            # Its `restart` asks the page first and waits for ever; `stop` does not.
            Reason.HUNG: (Step.STOP, Step.START),
            # Observed, 8 of 8: any call about such a session ends the whole gateway.
            Reason.PAGE_GONE: (),
        },
    )
    refusal_reasons = {PROFILE_HELD: Reason.BROWSER_LEFT_OVER}

    def health(self, *, deadline_seconds: float) -> Health:
        """Return its report without uptime or sessions: a restart cannot be seen."""
        answer = self.call("GET", "/ping", deadline_seconds=deadline_seconds)
        self.decoded(answer, _ApiOutcome)
        return Health(uptime_seconds=None, sessions_held=None)

    def list_sessions(self, *, deadline_seconds: float, unasked: Collection[str] = ()) -> Listing:
        """List names only, from its memory; each is read."""
        budget = Budget(deadline_seconds)
        answer = self.call("GET", "/session/getSessions", deadline_seconds=deadline_seconds)
        said = self.decoded(answer, _List)
        if not said.success:
            raise self.rejected(answer, "it says that it did not succeed")
        names, unread = read_entries(said.result, str)
        listing = read_each(names, self._status, budget=budget, unasked=unasked)
        return without_unread(listing, unread)

    def read_session(self, session_id: str, *, deadline_seconds: float) -> Session | None:
        """Return one session, with its number if connected; None if it does not exist."""
        budget = Budget(deadline_seconds)
        session = self._status(session_id, deadline_seconds)
        return with_number(session, lambda: self._number(session_id, budget.left()))

    def probe_session(self, session_id: str, *, deadline_seconds: float) -> Probe:
        """Probe by its status, which asks the page each time, and waits for it without limit."""

        def ask(seconds: float) -> Probe:
            return _pulse(self._status(session_id, seconds))

        return probed(ask, self.health, deadline_seconds=deadline_seconds)

    def read_qr(self, session_id: str, *, deadline_seconds: float) -> str | None:
        """Return the code. It sends the code's text."""
        answer = self._get("qr", session_id, deadline_seconds)
        said = self.decoded(answer, _ApiCode)
        return address_of_code(said.qr) if said.success else None

    def start_session(
        self, session_id: str, *, workspace_id: int, account_id: int, deadline_seconds: float
    ) -> None:
        """Start. It answers when the login state is known (2 to 8 s observed), or never.

        A session that it already holds, even broken, is refused: "Session already exists".
        """
        self._tell("start", session_id, deadline_seconds)

    def restart_session(
        self, session_id: str, *, workspace_id: int, account_id: int, deadline_seconds: float
    ) -> None:
        """Restart with the login. A session that it does not hold is started.

        Its own `restart` waits without limit for a page that hangs, and still runs when that
        wakes up: such a session is stopped and started. Raise Withheld if the page has left
        WhatsApp.
        """
        budget = Budget(deadline_seconds)
        try:
            session = self._harmless_to(session_id, budget)
        except TimedOut:
            self._tell("stop", session_id, budget.left())
            self._tell("start", session_id, budget.left())
            return
        self._tell("restart" if session else "start", session_id, budget.left())

    def stop_session(self, session_id: str, *, workspace_id: int, deadline_seconds: float) -> None:
        """Stop; the login is kept. Succeeds for an unknown id, too. Raise Withheld if the page
        has left WhatsApp."""
        self._tell_page("stop", session_id, deadline_seconds)

    def log_out_session(
        self, session_id: str, *, workspace_id: int, deadline_seconds: float
    ) -> None:
        """Log out by `terminate`, its only use, which deletes the login. An unknown session
        keeps its login, and is refused."""
        self._tell_page("terminate", session_id, deadline_seconds)

    def _tell_page(self, verb: str, session_id: str, seconds: float) -> None:
        budget = Budget(seconds)
        with suppress(TimedOut):  # a page that hangs can still be closed (observed)
            self._harmless_to(session_id, budget)
        self._tell(verb, session_id, budget.left())

    def _harmless_to(self, session_id: str, budget: Budget) -> Session | None:
        """Return the session. Raise Withheld if a call about it would end the whole gateway."""
        session = self._status(session_id, budget.left(at_most=LOOK_SECONDS))
        if session is not None and session.reason is Reason.PAGE_GONE:
            raise Withheld(
                f"{session_id}: its page has left WhatsApp, and whatever is done to it ends the "
                "whole gateway with all its sessions: wait for it to come back, or restart the "
                "gateway"
            )
        return session

    def _tell(self, verb: str, session_id: str, seconds: float) -> None:
        answer = self._get(verb, session_id, max(0.1, seconds))
        said = self.decoded(answer, _ApiOutcome, accepted=(200, 422, 500))
        if not said.success:
            why = said.error or said.message or "it did not succeed, and does not say why"
            raise self.rejected(answer, why)

    def _get(self, verb: str, session_id: str, seconds: float) -> Answer:
        path = f"/session/{verb}/{segment(session_id)}"
        return self.call("GET", path, deadline_seconds=seconds)

    def _status(self, session_id: str, seconds: float) -> Session | None:
        answer = self._get("status", session_id, seconds)
        said = self.decoded(answer, _ApiStatus)
        if said.message == NOT_FOUND:
            return None
        state, reason, word = _meaning(said)
        return Session(session_id=session_id, state=state, reason=reason, raw_state=word)

    def _number(self, session_id: str, seconds: float) -> str | None:
        path = f"/client/getClassInfo/{segment(session_id)}"
        answer = self.call("GET", path, deadline_seconds=max(0.1, seconds))
        said = self.decoded(answer, _ApiAbout)
        return normal_phone_number(said.sessionInfo.wid) if said.sessionInfo else None


def _pulse(session: Session | None) -> Probe:
    """Return the state of the page by its status."""
    if session is None:  # unknown, starting or recovering: the same answer for all
        return Probe(pulse=Pulse.UNCLEAR, reason=Reason.MISSING, raw=NOT_FOUND)
    pulse = Pulse.UNCLEAR
    if session.state is State.CONNECTED:
        pulse = Pulse.ALIVE
    elif session.reason is Reason.BROWSER_GONE:
        pulse = Pulse.GONE
    elif session.reason in (Reason.PAGE_GONE, Reason.HUNG):
        pulse = Pulse.NO_ANSWER
    reason = Reason.NONE if pulse in (Pulse.ALIVE, Pulse.UNCLEAR) else session.reason
    return Probe(pulse=pulse, reason=reason, raw=session.raw_state, session=session)


def _meaning(said: _ApiStatus) -> tuple[State | None, Reason, str]:
    if said.message in ("session_connected", "session_not_connected"):
        word = printable(said.state or "", limit=200)
        unmapped: tuple[State | None, Reason] = (None, Reason.UNRECOGNISED)
        return *STATES.get(word.lower(), unmapped), word
    word = printable(said.message, limit=200)
    for fault, state, reason in FAULTS:
        if fault in said.message:
            return state, reason, word
    return None, Reason.UNRECOGNISED, word
