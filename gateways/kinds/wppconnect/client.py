"""The client of WPPConnect Server. Recorded traffic: tests/captures/wppconnect-server/.

Its key is a secret in the address; a session's calls need a token that is made from it.
Observed: its status still says CONNECTED after its browser was killed, and still QRCODE after a
scan in a running session, so the connection is always checked as well. The check says only that the
page lives: it misses a session that has lost WhatsApp, and one that shows a code.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Collection

import msgspec
from msgspec import structs

from gateways.base import (
    Capabilities,
    Health,
    KeyRejected,
    Listing,
    Probe,
    ProbeKind,
    Pulse,
    Reason,
    Session,
    State,
    Step,
    TimedOut,
    normal_phone_number,
)
from gateways.kinds.base_client import (
    NO_ANSWER,
    NOT_ASKED,
    Budget,
    Calls,
    is_page,
    key_rejected,
    probed,
    read_each,
    read_entries,
    reason_given,
    segment,
    session_of_word,
    with_number,
    without_unread,
)
from gateways.kinds.base_webhooks import Words
from gateways.kinds.whatsapp_web_js import PROFILE_HELD
from gateways.wire.http import Answer
from gateways.wire.qr_images import address_of_base64, address_of_code

STATES: Words = {
    "": (State.DISCONNECTED, Reason.LISTED),  # never started
    "closed": (State.DISCONNECTED, Reason.LISTED),
    "initializing": (State.CONNECTING, Reason.LISTED),
    "qrcode": (State.QR_SCANNING, Reason.LISTED),
    "phonecode": (State.QR_SCANNING, Reason.LISTED),
    "connected": (State.CONNECTED, Reason.LISTED),
}
# The states in which a start has an effect.
CLOSED = ("", "closed")
MOST_TOKENS = 10_000
_tokens: dict[bytes, str] = {}
_lock = threading.Lock()


class _Healthz(msgspec.Struct):
    uptime: float | None = None


class _Names(msgspec.Struct):
    response: list[msgspec.Raw]


class _Token(msgspec.Struct):
    token: str


class _WppconnectStatus(msgspec.Struct):
    status: str | None = None
    qrcode: str | None = None
    urlcode: str | None = None


class _Checked(msgspec.Struct):
    status: bool


class _Device(msgspec.Struct):
    """The answer for newer pages of WhatsApp without `wid`: the server adds the number."""

    wid: object = None
    number: object = msgspec.field(default=None, name="phoneNumber")


class _WppconnectAbout(msgspec.Struct):
    response: _Device | None = None


class WppconnectClient(Calls):
    """Implements `gateways.base.Client`."""

    capabilities = Capabilities(
        status_is_cached=False,
        list_is_probe=True,
        probe=ProbeKind.HARMLESS,
        stop_keeps_login=True,
        can_stop=True,
        can_log_out=True,
        can_show_qr=True,
        sees_boot=True,
        own_retry_seconds=0,
        # Observed: 5 to 28 s; INITIALIZING for good while WhatsApp or the profile cannot be had.
        starts_within_seconds=120,
        # Observed: in state TIMEOUT and UNPAIRED its check says Connected.
        page_proves=False,
        # Its start does nothing unless the session is closed first (observed).
        ladder={Reason.NONE: (Step.STOP, Step.START)},
    )
    refusals = frozenset({401})
    refusal_reasons = {PROFILE_HELD: Reason.BROWSER_LEFT_OVER}

    def health(self, *, deadline_seconds: float) -> Health:
        answer = self.call("GET", "/healthz", headers={}, deadline_seconds=deadline_seconds)
        said = self.decoded(answer, _Healthz)
        uptime = said.uptime if said.uptime is not None and said.uptime >= 0 else None
        return Health(uptime_seconds=uptime, sessions_held=None)

    def list_sessions(self, *, deadline_seconds: float, unasked: Collection[str] = ()) -> Listing:
        """List names only, of every session that ever had a login; each is read.

        For one in `unasked` only its status is read, which is no proof if it is CONNECTED.
        """
        budget = Budget(deadline_seconds)

        def look(name: str, seconds: float) -> Session | None:
            if name not in unasked:
                return self._status(name, seconds)
            session = self._word(name, seconds)
            if session.state is not State.CONNECTED:
                return session
            word = f"{session.raw_state}, {NOT_ASKED}"
            return structs.replace(session, state=None, raw_state=word, asked=False, answered=False)

        names, unread = self._names(deadline_seconds)
        return without_unread(read_each(names, look, budget=budget), unread)

    def read_session(self, session_id: str, *, deadline_seconds: float) -> Session | None:
        """Return one session, with its number if connected.

        None if it is not listed and its status is CLOSED, as for any name. A list may omit a
        live one.
        """
        budget = Budget(deadline_seconds)
        names, unread = self._names(deadline_seconds)
        is_listed = unread > 0 or session_id in names
        session = self._status(session_id, max(0.1, budget.left()))
        if not is_listed and session is not None and session.raw_state.lower() in CLOSED:
            return None
        return with_number(session, lambda: self._number(session_id, max(0.1, budget.left())))

    def probe_session(self, session_id: str, *, deadline_seconds: float) -> Probe:
        """Check the status against the page. It misses a page that lost WhatsApp (observed)."""

        def ask(seconds: float) -> Probe:
            budget = Budget(seconds)
            session = self._word(session_id, seconds)
            if session.state is not State.CONNECTED:
                return Probe(pulse=Pulse.UNCLEAR, raw=session.raw_state, session=session)
            if self._is_checked(session_id, budget.left()):
                return Probe(pulse=Pulse.ALIVE, raw=session.raw_state, session=session)
            gone = _disconnected(session)
            return Probe(pulse=Pulse.GONE, reason=gone.reason, raw=gone.raw_state, session=gone)

        return probed(ask, self.health, deadline_seconds=deadline_seconds)

    def read_qr(self, session_id: str, *, deadline_seconds: float) -> str | None:
        """Return the code only while the status is QRCODE: an old code stays in its answers
        (observed)."""
        answer = self._of(session_id, "GET", "status-session", deadline_seconds)
        said = self.decoded(answer, _WppconnectStatus)
        if (said.status or "").lower() != "qrcode":
            return None
        return address_of_base64(said.qrcode or "") or address_of_code(said.urlcode or "")

    def start_session(
        self, session_id: str, *, workspace_id: int, account_id: int, deadline_seconds: float
    ) -> None:
        """Start with the login. Observed: it answers 200 with the state before the call, and
        does nothing unless the session is CLOSED."""
        body: dict[str, object] = {"waitQrCode": False}
        answer = self._of(session_id, "POST", "start-session", deadline_seconds, body)
        was = self.decoded(answer, _WppconnectStatus, accepted=(200, 201)).status or ""
        if was.lower() not in CLOSED:
            raise self.rejected(
                answer, f"it did nothing, since the session is {was}: stop it first"
            )

    def restart_session(
        self, session_id: str, *, workspace_id: int, account_id: int, deadline_seconds: float
    ) -> None:
        """Close and start it, as there is no such call. The login is kept."""
        budget = Budget(deadline_seconds)
        self.stop_session(session_id, workspace_id=workspace_id, deadline_seconds=deadline_seconds)
        self.start_session(
            session_id,
            workspace_id=workspace_id,
            account_id=account_id,
            deadline_seconds=budget.left(),
        )

    def stop_session(self, session_id: str, *, workspace_id: int, deadline_seconds: float) -> None:
        """Close the session; the login is kept.

        Observed: without a browser it answers 500, and has closed the session all the same.
        """
        budget = Budget(deadline_seconds)
        answer = self._of(session_id, "POST", "close-session", deadline_seconds, {})
        is_odd = answer.status_code == 500 and reason_given(answer.body) is not None
        if is_odd and self._word(session_id, budget.left()).raw_state.lower() in CLOSED:
            return
        self.decoded(answer, _Checked)

    def log_out_session(
        self, session_id: str, *, workspace_id: int, deadline_seconds: float
    ) -> None:
        """Log out. A session that does not run is refused with 404."""
        answer = self._of(session_id, "POST", "logout-session", deadline_seconds, {})
        self.decoded(answer, _Checked)

    def _names(self, seconds: float) -> tuple[list[str], int]:
        """Return the readable names, and the number of others."""
        path = f"/api/{segment(self._api_key)}/show-all-sessions"
        answer = self.call("GET", path, headers={}, deadline_seconds=seconds)
        self._require_key(answer)
        return read_entries(self.decoded(answer, _Names).response, str)

    def _status(self, session_id: str, seconds: float) -> Session | None:
        """Return the status; if it is CONNECTED or QRCODE, checked against the browser."""
        budget = Budget(seconds)
        session = self._word(session_id, seconds)
        if session.state is State.QR_SCANNING:
            return self._code_or_leftover(session, budget)
        if session.state is not State.CONNECTED:
            return session
        try:
            is_checked = self._is_checked(session_id, budget.left())
        except TimedOut:
            word = f"{session.raw_state}, but its page gives {NO_ANSWER}"
            return structs.replace(session, state=None, raw_state=word, answered=False)
        return session if is_checked else _disconnected(session)

    def _code_or_leftover(self, session: Session, budget: Budget) -> Session:
        """Return the session that shows a code, or did before a scan.

        Observed: at a first login the check says Disconnected; with a code after an unlink it says
        Connected, and the same after the scan.
        """
        try:
            is_checked = self._is_checked(session.session_id, budget.left())
        except TimedOut:
            return session
        return structs.replace(session, may_be_over=True) if is_checked else session

    def _word(self, session_id: str, seconds: float) -> Session:
        """Return the reported status, which is a variable."""
        answer = self._of(session_id, "GET", "status-session", max(0.1, seconds))
        return session_of_word(session_id, self.decoded(answer, _WppconnectStatus).status, STATES)

    def _is_checked(self, session_id: str, seconds: float) -> bool:
        """Return whether its browser answers. Raise TimedOut if that hangs."""
        answer = self._of(session_id, "GET", "check-connection-session", max(0.1, seconds))
        return self.decoded(answer, _Checked).status

    def _number(self, session_id: str, seconds: float) -> str | None:
        answer = self._of(session_id, "GET", "host-device", seconds)
        device = self.decoded(answer, _WppconnectAbout).response or _Device()
        return normal_phone_number(device.wid) or normal_phone_number(device.number)

    def _of(
        self,
        session_id: str,
        method: str,
        verb: str,
        seconds: float,
        body: dict[str, object] | None = None,
    ) -> Answer:
        """Call about one session; retry once with a fresh token if the old one is refused."""
        budget = Budget(seconds)
        for is_last in (False, True):
            token = self._token(session_id, max(0.1, budget.left()))
            try:
                return self.call(
                    method,
                    f"/api/{segment(session_id)}/{verb}",
                    headers={"Authorization": f"Bearer {token}"},
                    body=body,
                    deadline_seconds=max(0.1, budget.left()),
                )
            except KeyRejected:
                _tokens.pop(self._slot(session_id), None)
                if is_last:
                    raise
        raise AssertionError("the last try returns or raises")

    def _token(self, session_id: str, seconds: float) -> str:
        """Return the token, cached in this process: making one costs the gateway a slow hash."""
        slot = self._slot(session_id)
        if token := _tokens.get(slot):
            return token
        path = f"/api/{segment(session_id)}/{segment(self._api_key)}/generate-token"
        answer = self.call("POST", path, headers={}, body={}, deadline_seconds=seconds)
        self._require_key(answer)
        token = self.decoded(answer, _Token, accepted=(200, 201)).token
        with _lock:
            if len(_tokens) >= MOST_TOKENS:
                _tokens.clear()
            _tokens[slot] = token
        return token

    def _require_key(self, answer: Answer) -> None:
        """Raise for a wrong key in the address, which is answered with 400 (observed)."""
        if answer.status_code == 400 and not is_page(answer):
            raise key_rejected(answer)

    def _slot(self, session_id: str) -> bytes:
        named = "\0".join((self._base_url, self._api_key, session_id))
        return hashlib.sha256(named.encode("utf-8", "surrogatepass")).digest()


def _disconnected(session: Session) -> Session:
    """Return a disconnected session: the status is CONNECTED, but the check found no browser."""
    return structs.replace(
        session,
        state=State.DISCONNECTED,
        reason=Reason.BROWSER_GONE,
        raw_state=f"{session.raw_state}, but Disconnected",
    )
