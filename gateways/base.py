"""The words every gateway is translated into, and the errors every client raises.

    GatewayError
    ├── Unreachable          we have no answer: nothing is known about any session
    │   ├── Refused          nobody listens (connection refused, name unknown, TLS not trusted)
    │   └── TimedOut         somebody may listen, the deadline passed; the outcome is unknown
    ├── Rejected             it answered, and said no
    │   └── KeyRejected      … because it does not accept our key
    ├── BadAnswer            it answered in another dialect (HTML, half a JSON, > 16 MB)
    ├── CannotBeRead         there is no client for its kind: only its webhooks are heard
    └── Withheld             we did not ask: as the session is, it would do harm, or cannot be done

"No such session" is an answer, not an error: `read_session` returns None.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from gateways.phone_numbers import normal_phone_number as normal_phone_number

# The session that tests of a route are about: nobody's is called so.
TEST_SESSION = "rollcall-route-test"


class State(StrEnum):
    """What a session can be seen to be. What we cannot see is never one of these."""

    CONNECTING = "connecting"
    QR_SCANNING = "qr_scanning"
    CONNECTED = "connected"
    UNRESPONSIVE = "unresponsive"
    DISCONNECTED = "disconnected"
    LOGGED_OUT = "logged_out"
    BLOCKED = "blocked"


class Reason(StrEnum):
    """Why a session is in its state: one code each, whatever the gateway calls it.

    What each means, whether we may repair it and what a human must do stands in
    `accounts.words.reasons`; a test holds the two together.
    """

    NONE = ""
    # the gateway or its browser
    AUTHENTICATED = "authenticated"  # scanned, still loading
    RECONNECTING = "reconnecting"
    NAVIGATION = "navigation"
    NETWORK = "network"
    BROWSER_GONE = "browser_gone"
    SESSION_ERROR = "session_error"
    GATEWAY_GAVE_UP = "gateway_gave_up"
    RESTORE_FAILED = "restore_failed"
    PAGE_GONE = "page_gone"  # its page has left WhatsApp: restarting it may end the whole gateway
    HUNG = "hung"  # its page does not answer, time and again
    DEAF = "deaf"  # its page answers, and WhatsApp is not behind it
    # WhatsApp and the phone
    UNLINKED = "unlinked"  # by the phone or by WhatsApp: a new scan is needed
    WRONG_NUMBER = "wrong_number"
    REPLACED = "replaced"  # another client took the session over
    QR_EXPIRED = "qr_expired"
    PASSKEY_REQUIRED = "passkey_required"  # scanned, and WhatsApp asks the phone for its passkey
    TERMS_OF_SERVICE = "terms_of_service"
    TEMPORARY_BAN = "temporary_ban"
    LOGIN_REFUSED = "login_refused"  # by WhatsApp: of a ban, or since the phone was changed
    PROXY_BLOCKED = "proxy_blocked"
    CLIENT_OUTDATED = "client_outdated"
    # what our own reading shows
    LISTED = "listed"  # the gateway's list or status says so, without a reason
    MISSING = "missing"  # the gateway has no such session
    NOT_LISTED = "not_listed"  # alive by its status, but absent from the list
    # why we cannot see
    UNREACHABLE = "unreachable"
    BOOTING = "booting"
    PARTIAL_LIST = "partial_list"
    UNSHOWN = "unshown"  # whole lists leave it out, and no read of its own has said more
    UNANSWERED = "unanswered"  # its page gave no answer, and is asked again before that is believed
    UNHEARD = "unheard"  # nobody can read its gateway, and nothing was heard of it for long
    OVERDUE = "overdue"
    MASS_LOSS_UNCONFIRMED = "mass_loss_unconfirmed"
    LOSS_DISMISSED = "loss_dismissed"  # an operator said that such a loss is none
    TAKEOVER_DENIED = "takeover_denied"
    MAINTENANCE = "maintenance"  # its gateway is being worked on: nobody judges
    SUSPECT_OURSELVES = "suspect_ourselves"  # no gateway can be read: the fault is more likely ours
    # people
    NOT_LINKED_YET = "not_linked_yet"
    AS_WANTED = "as_wanted"
    OPERATOR = "operator"
    CLAIMED = "claimed"  # the gateway's own back-office call said so
    MERGED = "merged"
    REPAIR_GAVE_UP = "repair_gave_up"  # our own repair failed time and again
    # a word nobody has mapped yet; the raw word is kept beside it
    UNRECOGNISED = "unrecognised"


class Session(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One session as a gateway shows it. `state` None: its word is not in our table, or is none.
    `answered` False: its page gave no answer; `asked` False: nor was it asked, being known to hang.

    A struct, because a list makes thousands of them: a dataclass takes six times as long."""

    session_id: str
    state: State | None
    reason: Reason = Reason.LISTED
    raw_state: str = ""
    phone_number: str | None = None  # digits only, see `normal_phone_number`
    workspace_id: int | None = None
    connected_at: datetime | None = None
    asked: bool = True
    answered: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """All sessions a gateway names. Absence from an incomplete listing means nothing."""

    sessions: tuple[Session, ...]
    complete: bool
    why_incomplete: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What the gateway says of itself. `uptime_seconds` going backwards means it was restarted."""

    uptime_seconds: float | None
    sessions_held: int | None


class Kind(StrEnum):
    """What an event is for us, whatever the gateway calls it."""

    STATE = "state"  # says something about the session's state
    HINT = "hint"  # proves nothing by itself: go and read the session
    LIFE = "life"  # a message or an acknowledgement: the live client spoke
    CANARY = "canary"  # a test of the route
    UNRECOGNISED = "unrecognised"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One webhook, translated. `fields` may be stored: never message content, never a QR."""

    name: str
    kind: Kind
    session_id: str | None = None
    workspace_id: int | None = None
    state: State | None = None
    reason: Reason = Reason.NONE
    raw_reason: str = ""
    phone_number: str | None = None
    qr_code: str | None = field(default=None, repr=False)  # a key to somebody's WhatsApp
    qr_expires_in_seconds: int | None = None
    fields: Mapping[str, object] = field(default_factory=dict)
    # Where the sender has them: one id for all its retries, and when it happened by its clock.
    event_id: str | None = None
    occurred_at: datetime | None = None


class ProbeKind(StrEnum):
    """What a kind of gateway offers to tell a live client from a dead one."""

    NONE = "none"  # nothing does
    HARMLESS = "harmless"  # WhatsApp cannot see it
    SEND = "send"  # a message that cannot go out: it may look odd to WhatsApp if done often


class Pulse(StrEnum):
    """What a probe of the live client met."""

    ALIVE = "alive"
    GONE = "gone"  # a definite answer: there is no live page behind the session
    NO_ANSWER = "no_answer"  # the gateway answers, this session's page does not
    UNCLEAR = "unclear"  # it answered, and that says nothing of the page


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What a probe brought. `session`: what it showed beside it, where it showed a state.

    Reasons: of GONE `BROWSER_GONE`; of NO_ANSWER `HUNG`, `DEAF` (it answers without WhatsApp behind
    it) or `PAGE_GONE`; of UNCLEAR `MISSING` where the gateway holds no such session.
    """

    pulse: Pulse
    reason: Reason = Reason.NONE
    raw: str = ""
    session: Session | None = None


class Step(StrEnum):
    """One rung of a repair ladder."""

    RESTART = "restart"
    STOP = "stop"
    START = "start"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a kind of gateway can do and how far it can be believed: values, so that what it cannot
    do is known before it is asked.

    `status_is_cached`: a read answers from a variable, so that a dead browser looks like a live
    one. `list_is_probe`: its list is made by asking each session's live page, so that being shown
    connected is proof. `stop_keeps_login`: stopping leaves the login on disk. `sees_boot`: it says
    since when it runs. `lists_qr_early`: it lists as waiting for a scan what is only starting.
    `own_retry_seconds`: for so long it reconnects by itself after a loss that
    it noticed; whoever repairs meanwhile races it. `ladder`: the steps that repair a session, by
    the reason of its loss; `Reason.NONE` stands for every other reason, no steps means that nothing
    we can ask of it helps.
    """

    status_is_cached: bool
    list_is_probe: bool
    probe: ProbeKind
    stop_keeps_login: bool
    can_stop: bool
    can_log_out: bool
    can_show_qr: bool
    sees_boot: bool
    own_retry_seconds: int
    ladder: Mapping[Reason, tuple[Step, ...]]
    lists_qr_early: bool = False

    def steps(self, reason: Reason) -> tuple[Step, ...]:
        """What repairs a session that was lost for this reason, in order."""
        return self.ladder.get(reason, self.ladder.get(Reason.NONE, ()))

    @property
    def starts_only_what_it_has(self) -> bool:
        return bool(self.ladder) and not self.steps(Reason.MISSING)


class GatewayError(Exception):
    """A call to a gateway that did not succeed. The text is for operators and holds no secret."""


class Unreachable(GatewayError):
    """No answer."""


class Refused(Unreachable):
    """Nobody listens there."""


class TimedOut(Unreachable):
    """The deadline passed. What was asked may still happen."""


class MayBeSent(Unreachable):
    """No answer, neither to a message nor from the gateway itself since: it may have been tried."""


class CannotBeRead(GatewayError):
    """Nobody has taught Rollcall to call this kind of gateway: it only hears what it pushes."""


class Withheld(GatewayError):
    """Nothing was asked of the gateway: as the session is, it would do harm, or cannot be done."""


class Rejected(GatewayError):
    """The gateway answered and refused."""

    def __init__(self, message: str, *, status_code: int) -> None:
        super().__init__(message)
        self.status_code = status_code


class KeyRejected(Rejected):
    """The gateway does not accept our key."""


class BadAnswer(GatewayError):
    """The answer is not in the gateway's dialect."""


class UnreadableEvent(Exception):
    """A webhook's body that is not in the gateway's dialect: what is wrong, and where."""


class Client(Protocol):
    """What Rollcall asks of a gateway. Each call has a deadline and raises GatewayError; one that
    changes something and gets no answer in time (TimedOut) may still happen."""

    capabilities: Capabilities

    def __enter__(self) -> Client: ...

    def __exit__(self, *exception: object) -> None: ...

    def health(self, *, deadline_seconds: float) -> Health: ...

    def list_sessions(self, *, deadline_seconds: float, unasked: Collection[str] = ()) -> Listing:
        """Sessions in `unasked` are listed without asking their page: they are known to hang."""

    def read_session(self, session_id: str, *, deadline_seconds: float) -> Session | None: ...

    def probe_session(self, session_id: str, *, deadline_seconds: float) -> Probe:
        """Is there a live page behind it? One that gives no answer is told from a gateway that
        gives none: that raises Unreachable."""

    def read_qr(self, session_id: str, *, deadline_seconds: float) -> str | None:
        """The code on its screen as a PNG data URL; None where there is none to scan. It starts
        nothing."""

    def start_session(
        self, session_id: str, *, workspace_id: int, account_id: int, deadline_seconds: float
    ) -> None: ...

    def restart_session(
        self, session_id: str, *, workspace_id: int, account_id: int, deadline_seconds: float
    ) -> None: ...

    def stop_session(
        self, session_id: str, *, workspace_id: int, deadline_seconds: float
    ) -> None: ...

    def log_out_session(
        self, session_id: str, *, workspace_id: int, deadline_seconds: float
    ) -> None:
        """Ends it and deletes its login: a new scan is needed afterwards."""


def webhook_path(kind: str) -> str:
    """Where the webhooks of this kind belong."""
    return f"/api/webhooks/{kind}"
