"""The words every gateway is translated into, and the errors every client raises.

    GatewayError
    ├── Unreachable          we have no answer: nothing is known about any session
    │   ├── ConnectionRefused  nobody listens (name unknown, TLS not trusted, …)
    │   └── TimedOut           somebody may listen, the deadline passed; the outcome is unknown
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

# The session name in route tests; no real session has it.
TEST_SESSION = "rollcall-route-test"


class State(StrEnum):
    """The observable states of a session. "Not visible" is never one of these."""

    CONNECTING = "connecting"
    QR_SCANNING = "qr_scanning"
    CONNECTED = "connected"
    UNRESPONSIVE = "unresponsive"
    DISCONNECTED = "disconnected"
    LOGGED_OUT = "logged_out"
    BLOCKED = "blocked"


class Reason(StrEnum):
    """The reason for a session's state: one code each, whatever the gateway calls it.

    The meaning of each, whether we may repair it and the next step for a human are in
    `accounts.words.reasons`; a test keeps the two in agreement.
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
    BROWSER_LEFT_OVER = "browser_left_over"  # of an earlier run, and it holds the profile
    PAGE_GONE = "page_gone"  # the page has left WhatsApp: a restart may end the whole gateway
    HUNG = "hung"  # the page repeatedly gave no answer
    DEAF = "deaf"  # the page answers, but is not connected to WhatsApp
    # WhatsApp and the phone
    UNLINKED = "unlinked"  # by the phone or by WhatsApp: a new scan is needed
    WRONG_NUMBER = "wrong_number"
    REPLACED = "replaced"  # another client took the session over
    QR_EXPIRED = "qr_expired"
    PASSKEY_REQUIRED = "passkey_required"  # scanned, and WhatsApp requests the phone's passkey
    TERMS_OF_SERVICE = "terms_of_service"
    TEMPORARY_BAN = "temporary_ban"
    LOGIN_REFUSED = "login_refused"  # by WhatsApp: after a ban, or a change of phone
    PROXY_BLOCKED = "proxy_blocked"
    CLIENT_OUTDATED = "client_outdated"
    # seen by our own read
    LISTED = "listed"  # in the gateway's list or status answer, without a reason
    MISSING = "missing"  # the gateway has no such session
    START_STUCK = "start_stuck"  # starting for longer than any start of its kind takes
    NOT_LISTED = "not_listed"  # alive by its status, but absent from the list
    # the reasons why we cannot see
    UNREACHABLE = "unreachable"
    BOOTING = "booting"
    PARTIAL_LIST = "partial_list"
    UNKNOWN_WORD = "unknown_word"  # the gateway's own word for its state is in no table of ours
    UNSHOWN = "unshown"  # missing from whole lists, and no read of its own has shown more
    UNANSWERED = "unanswered"  # the page gave no answer, and is asked again before that counts
    UNHEARD = "unheard"  # the gateway cannot be read, and nothing was received for long
    OVERDUE = "overdue"
    MASS_LOSS_UNCONFIRMED = "mass_loss_unconfirmed"
    LOSS_DISMISSED = "loss_dismissed"  # an operator declared such a loss to be none
    TAKEOVER_DENIED = "takeover_denied"
    MAINTENANCE = "maintenance"  # the gateway is under maintenance: no judgement
    SUSPECT_OURSELVES = "suspect_ourselves"  # no gateway can be read: the fault is more likely ours
    # people
    NOT_LINKED_YET = "not_linked_yet"
    AS_WANTED = "as_wanted"
    OPERATOR = "operator"
    CLAIMED = "claimed"  # reported by the gateway's own back-office call
    MERGED = "merged"
    REPAIR_GAVE_UP = "repair_gave_up"  # our own repair failed repeatedly
    # a status that is not mapped yet; the raw status is kept beside it
    UNRECOGNISED = "unrecognised"


class Restriction(msgspec.Struct, frozen=True, kw_only=True):
    """Limit that WhatsApp sets for a connected number. `code` "": the gateway says that there is
    none. `until`: its end, if told."""

    code: str = ""
    until: datetime | None = None


# No message to anybody who has not written first (error 463), and no more new chats for now.
REACHOUT_TIMELOCK, MESSAGE_CAPPING = "reachout_timelock", "message_capping"


class Session(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One session as a gateway shows it. `state` None: an unmapped or missing status.

    `answered` False: its page gave no answer; `asked` False: it was not asked, as it is known to
    hang. `by_page`: its page itself confirmed the state in this answer. `may_be_over`: the state
    may be that of before a scan, which an event has told. A struct, because a list makes
    thousands of them: a dataclass takes six times as long.
    """

    session_id: str
    state: State | None
    reason: Reason = Reason.LISTED
    raw_state: str = ""
    phone_number: str | None = None  # digits only, see `normal_phone_number`
    workspace_id: int | None = None
    connected_at: datetime | None = None
    asked: bool = True
    answered: bool = True
    by_page: bool = False
    may_be_over: bool = False
    restriction: Restriction | None = None  # None: it says nothing about that


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """All sessions that a gateway lists. Absence from an incomplete list means nothing."""

    sessions: tuple[Session, ...]
    complete: bool
    why_incomplete: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The gateway's own health report. A decrease of `uptime_seconds` means a restart."""

    uptime_seconds: float | None
    sessions_held: int | None


class Kind(StrEnum):
    """The meaning of an event for us, whatever the gateway calls it."""

    STATE = "state"  # tells something about the session's state
    HINT = "hint"  # proves nothing by itself: read the session
    LIFE = "life"  # a message or an acknowledgement: proof of the live client
    CANARY = "canary"  # a test of the route
    UNRECOGNISED = "unrecognised"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One webhook, translated. `fields` may be stored: never message content, never a QR code."""

    name: str
    kind: Kind
    session_id: str | None = None
    workspace_id: int | None = None
    state: State | None = None
    reason: Reason = Reason.NONE
    raw_reason: str = ""
    phone_number: str | None = None
    qr_code: str | None = field(default=None, repr=False)  # grants access to a WhatsApp account
    qr_expires_in_seconds: int | None = None
    fields: Mapping[str, object] = field(default_factory=dict)
    # If the sender has them: one id for all its retries, and the event's time by its own clock.
    event_id: str | None = None
    occurred_at: datetime | None = None
    restriction: Restriction | None = None
    # A time that may be hours off, and still orders the events of one session.
    orders_at: datetime | None = None

    @property
    def order(self) -> datetime | None:
        """Return the time by which it is ordered among the events of its session."""
        return self.occurred_at or self.orders_at


class ProbeKind(StrEnum):
    """The means of a gateway kind to tell a live client from a dead one."""

    NONE = "none"  # no probe
    HARMLESS = "harmless"  # WhatsApp cannot see it
    SEND = "send"  # a message that cannot be delivered: frequent ones may look odd to WhatsApp


class Pulse(StrEnum):
    """The result of a probe of the live client."""

    ALIVE = "alive"
    GONE = "gone"  # a definite answer: there is no live page behind the session
    NO_ANSWER = "no_answer"  # the gateway answers, this session's page does not
    UNCLEAR = "unclear"  # the gateway answered without information about the page


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """The result of a probe. `session`: the state that it showed as well, if any.

    Reasons: of GONE `BROWSER_GONE`; of NO_ANSWER `HUNG`, `DEAF` (it answers without a connection
    to WhatsApp) or `PAGE_GONE`; of UNCLEAR `MISSING` if the gateway holds no such session.
    """

    pulse: Pulse
    reason: Reason = Reason.NONE
    raw: str = ""
    session: Session | None = None


class Step(StrEnum):
    """One step of a repair ladder."""

    RESTART = "restart"
    STOP = "stop"
    START = "start"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """The abilities and the reliability of a gateway kind, known before any call.

    `status_is_cached`: a read answers from a variable, so that a dead browser looks like a live
    one. `list_is_probe`: its list asks each session's live page. `page_proves`: a page that answers
    shows that WhatsApp is connected, not only that the page lives. `stop_keeps_login`: a stop
    leaves the login on disk; None: for a stop and a restart that depends on how it is run, see
    `Client.keeps_login`. `sees_boot`: it reports since when it runs. `lists_qr_early`: it lists a
    starting session as waiting for a scan. `says_connecting_with_qr`: it reads as connecting what
    shows a code. `own_retry_seconds`: for this time it reconnects by itself after a loss that it
    noticed; a repair meanwhile would race it. `starts_within_seconds`: a start that takes longer
    has failed, whatever the gateway says; None: not known. `ladder`: the steps that repair a
    session, by the reason of its loss; `Reason.NONE` stands for every other reason; no steps means
    that no call to the gateway helps.
    """

    status_is_cached: bool
    list_is_probe: bool
    probe: ProbeKind
    stop_keeps_login: bool | None
    can_stop: bool
    can_log_out: bool
    can_show_qr: bool
    sees_boot: bool
    own_retry_seconds: int
    ladder: Mapping[Reason, tuple[Step, ...]]
    lists_qr_early: bool = False
    says_connecting_with_qr: bool = False
    page_proves: bool = True
    starts_within_seconds: int | None = None

    def steps(self, reason: Reason) -> tuple[Step, ...]:
        """Return the steps that repair a session lost for this reason, in order."""
        return self.ladder.get(reason, self.ladder.get(Reason.NONE, ()))

    @property
    def starts_only_what_it_has(self) -> bool:
        return bool(self.ladder) and not self.steps(Reason.MISSING)


class GatewayError(Exception):
    """A call to a gateway that failed. The text is for operators and contains no secret."""


class Unreachable(GatewayError):
    """No answer."""


class ConnectionRefused(Unreachable):
    """A connection that was refused."""


class TimedOut(Unreachable):
    """A call whose deadline passed. The request may still be carried out."""


class MayBeSent(Unreachable):
    """A message without an answer, from a gateway that has not answered since: it may have been
    sent."""


class CannotBeRead(GatewayError):
    """A gateway kind without a client: Rollcall only receives its webhooks."""


class Withheld(GatewayError):
    """A call that was not made: in the session's present state it would do harm, or is
    impossible."""


class Rejected(GatewayError):
    """An error answer of the gateway."""

    def __init__(self, message: str, *, status_code: int, reason: Reason = Reason.NONE) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.reason = reason  # why it refused, if its kind knows the gateway's words


class KeyRejected(Rejected):
    """A key that the gateway does not accept."""


class BadAnswer(GatewayError):
    """An answer that is not in the gateway's format."""


class UnreadableEvent(Exception):
    """A webhook body that is not in the gateway's format: what is wrong, and where."""


class Client(Protocol):
    """The calls to a gateway. Each has a deadline and raises GatewayError.

    A call that changes something and gets no answer in time (TimedOut) may still be carried out.
    """

    capabilities: Capabilities

    def __enter__(self) -> Client: ...

    def __exit__(self, *exception: object) -> None: ...

    def health(self, *, deadline_seconds: float) -> Health: ...

    def keeps_login(self, *, deadline_seconds: float) -> bool | None:
        """Return whether a stopped session keeps its login; None: the gateway does not say enough
        to be sure."""

    def list_sessions(self, *, deadline_seconds: float, unasked: Collection[str] = ()) -> Listing:
        """List all sessions. Those in `unasked` are listed without asking their page: known to
        hang."""

    def read_session(self, session_id: str, *, deadline_seconds: float) -> Session | None: ...

    def probe_session(self, session_id: str, *, deadline_seconds: float) -> Probe:
        """Probe for a live page behind the session.

        A page without an answer is a result; a gateway without an answer raises Unreachable.
        """

    def read_qr(self, session_id: str, *, deadline_seconds: float) -> str | None:
        """Return the QR code on screen as a PNG data URL; None if there is none to scan. It
        starts nothing."""

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
        """End the session and delete its login: a new scan is needed afterwards."""


def webhook_path(kind: str) -> str:
    """Return the path for the webhooks of this kind."""
    return f"/api/webhooks/{kind}"
