"""The client of the Node service. "Observed" means: seen on the real service,
tests/captures/node-service/."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from gateways.base import (
    BadAnswer,
    Capabilities,
    Health,
    Listing,
    MayBeSent,
    Probe,
    ProbeKind,
    Pulse,
    Reason,
    Session,
    State,
    Step,
    Unreachable,
    Withheld,
)
from gateways.kinds.base_client import Budget, Calls, probed, reason_given, segment
from gateways.kinds.webjs.answers import (
    HealthAnswer,
    ListAnswer,
    SessionAnswer,
    count_of,
    listing_of,
    plain_listing,
    session_of,
)
from gateways.kinds.webjs.words import KEY_HEADER
from gateways.kinds.whatsapp_web_js import PROFILE_HELD
from gateways.wire.http import Answer
from gateways.wire.untrusted import WrongField, printable

# Observed: the one answer that means "I hold no such session". Any other 404 comes from a proxy in
# between, or from a wrong base URL.
NO_SUCH_SESSION = "Session not found"

# A message that cannot be delivered (observed): on its way it touches the page, whose fault comes
# back as the error.
PROBE_MESSAGE = {"recipient_phone": "0", "message": "x", "type": "text"}
# The service's own text after 15 s of a page that hangs (observed).
HANGS = "Runtime.callFunctionOn timed out"
# No page behind the session: puppeteer's texts for it.
DEAD = ("detached Frame", "Target closed", "Session closed", "Protocol error")
# The page is navigating, perhaps only reloading.
MOVING = "Execution context was destroyed"


class _OutcomeAnswer(msgspec.Struct):
    success: bool


class WebjsClient(Calls):
    """Implements `gateways.base.Client`."""

    capabilities = Capabilities(
        # Observed: it still reports "connected" after its browser was killed.
        status_is_cached=True,
        list_is_probe=False,
        # The one call that touches the page; see tests/captures/node-service/.
        probe=ProbeKind.SEND,
        # Observed: DELETE removes the login files, even those of an id it does not hold.
        stop_keeps_login=False,
        can_stop=True,
        can_log_out=True,
        can_show_qr=False,
        sees_boot=True,
        # Observed: in its list from its creation on, before there is a code.
        lists_qr_early=True,
        # It tries five times, 5 s doubling, after a technical loss that it noticed.
        own_retry_seconds=155,
        # Loading a large account takes minutes after a scan.
        starts_within_seconds=600,
        # Never a create for what may exist: its list then loses the live session (observed).
        ladder={Reason.NONE: (Step.RESTART,)},
    )

    key_header = KEY_HEADER
    refusals = frozenset({401})
    refusal_reasons = {PROFILE_HELD: Reason.BROWSER_LEFT_OVER}

    def health(self, *, deadline_seconds: float) -> Health:
        """Return its own report; it needs no key."""
        answer = self.call("GET", "/health", headers={}, deadline_seconds=deadline_seconds)
        said = self.decoded(answer, HealthAnswer)
        return Health(
            uptime_seconds=said.uptime if said.uptime is not None and said.uptime >= 0 else None,
            sessions_held=count_of(said.sessions.total) if said.sessions else None,
        )

    def list_sessions(self, *, deadline_seconds: float, unasked: Collection[str] = ()) -> Listing:
        """List all it holds in memory; no page is asked.

        The list is complete only if it reports the total, and all entries can be read.
        """
        answer = self._get("/api/sessions", deadline_seconds)
        plain = plain_listing(answer.body) if answer.status_code == 200 else None
        return plain or listing_of(self.decoded(answer, ListAnswer))

    def read_session(self, session_id: str, *, deadline_seconds: float) -> Session | None:
        """Return one session, or None if it certainly does not exist."""
        answer = self._get(f"/api/sessions/{segment(session_id)}/status", deadline_seconds)
        if answer.status_code == 404 and reason_given(answer.body) == NO_SUCH_SESSION:
            return None
        try:
            session = session_of(self.decoded(answer, SessionAnswer))
        except WrongField as wrong:
            raise BadAnswer(f"{answer.where}: {wrong}") from None
        if session.session_id != session_id:
            raise BadAnswer(f"{answer.where}: answered about another session")
        return session

    def probe_session(self, session_id: str, *, deadline_seconds: float) -> Probe:
        """Probe by a message that cannot be delivered, and only if the session is reported
        connected.

        Frequent probes may look odd to WhatsApp. The caller decides how often.
        """
        budget = Budget(deadline_seconds)
        session = self.read_session(session_id, deadline_seconds=deadline_seconds)
        if session is None:
            return Probe(pulse=Pulse.UNCLEAR, reason=Reason.MISSING, raw=NO_SUCH_SESSION)
        if session.state is not State.CONNECTED:
            return Probe(pulse=Pulse.UNCLEAR, raw=session.raw_state, session=session)
        fields = {"session_id": session_id, "workspace_id": session.workspace_id, **PROBE_MESSAGE}

        def send(seconds: float) -> Probe:
            answer = self._post("POST", "/api/messages/send", fields, seconds)
            return self._met(answer)

        try:
            return probed(send, self.health, deadline_seconds=budget.left())
        except Unreachable as error:
            raise MayBeSent(str(error)) from None

    def read_qr(self, session_id: str, *, deadline_seconds: float) -> None:
        """Return None: it has no such call. Its codes come by webhook only."""

    def start_session(
        self, session_id: str, *, workspace_id: int, account_id: int, deadline_seconds: float
    ) -> None:
        """Create the session with the login on its disk. The answer comes once the browser is
        up: 15 to 60 s.

        Only if it holds none. Observed: the failure of a second create takes a live session out
        of its list, and it can send nothing any more.
        """
        budget = Budget(deadline_seconds)
        if self.read_session(session_id, deadline_seconds=deadline_seconds) is not None:
            raise Withheld("the gateway holds this session already: restart it instead")
        fields = _about(session_id, workspace_id, account_id)
        self._tell("POST", "/api/sessions", fields, max(0.1, budget.left()))

    def restart_session(
        self, session_id: str, *, workspace_id: int, account_id: int, deadline_seconds: float
    ) -> None:
        """Destroy and create it again, the login kept. The answer comes once the browser is up:
        2 to 60 s.

        `restore` is never used: shipped versions always answer it with 500.
        """
        path = f"/api/sessions/{segment(session_id)}/reconnect"
        fields = _about(session_id, workspace_id, account_id)
        self._tell("POST", path, fields, deadline_seconds)

    def stop_session(self, session_id: str, *, workspace_id: int, deadline_seconds: float) -> None:
        """End it and delete its login; succeeds for an unknown id, too."""
        path = f"/api/sessions/{segment(session_id)}"
        self._tell("DELETE", path, {"workspace_id": workspace_id}, deadline_seconds)

    def log_out_session(
        self, session_id: str, *, workspace_id: int, deadline_seconds: float
    ) -> None:
        """Make the same call as a stop."""
        self.stop_session(session_id, workspace_id=workspace_id, deadline_seconds=deadline_seconds)

    def _get(self, path: str, seconds: float) -> Answer:
        # Shipped versions read the key from the query or the body, others from the header.
        return self.call("GET", path, query={"api_key": self._api_key}, deadline_seconds=seconds)

    def _post(self, method: str, path: str, fields: Mapping[str, object], seconds: float) -> Answer:
        body = {**fields, "api_key": self._api_key}
        return self.call(method, path, body=body, deadline_seconds=seconds)

    def _tell(self, method: str, path: str, fields: Mapping[str, object], seconds: float) -> None:
        answer = self._post(method, path, fields, seconds)
        if not self.decoded(answer, _OutcomeAnswer).success:
            raise self.rejected(answer, "it says it did not succeed")

    def _met(self, answer: Answer) -> Probe:
        """Return the result of the probe. Any other error of the service comes from the live
        page."""
        if answer.status_code == 200:
            return Probe(pulse=Pulse.ALIVE)
        said = reason_given(answer.body)
        if not said:
            raise self.refusal(answer)
        raw = printable(said, limit=200)
        if answer.status_code != 500 or MOVING in said:
            # Its memory for sending may lack an entry of its list (observed): no information about
            # the page.
            return Probe(pulse=Pulse.UNCLEAR, raw=f"{answer.status_code} {raw}")
        if HANGS in said:
            return Probe(pulse=Pulse.NO_ANSWER, reason=Reason.HUNG, raw=raw)
        if any(word in said for word in DEAD):
            return Probe(pulse=Pulse.GONE, reason=Reason.BROWSER_GONE, raw=raw)
        return Probe(pulse=Pulse.ALIVE, raw=raw)


def _about(session_id: str, workspace_id: int, account_id: int) -> dict[str, object]:
    return {"session_id": session_id, "workspace_id": workspace_id, "account_id": account_id}
