"""Observations: what a source reported. Values, never rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from accounts.words.status import CLAIMS, READS, Source, Status
from gateways.base import Reason, Restriction, Session
from gateways.phone_numbers import normal_phone_number
from gateways.wire.untrusted import printable

LONGEST_SESSION_ID = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Report of a session in a state.

    `observed_at` is the database's clock: receipt for a push, the moment *before* the request for a
    pull. `status` None: it says nothing about the state (its number or sign of life may still
    count). `status` UNKNOWN: we cannot see it, with the reason why. `raw` is the gateway's own
    term, `evidence` where to look ("delivery 17", "run 4"). `is_cached`: it comes from a variable
    of the gateway (`Capabilities.status_is_cached`), which may still say "connected" when nothing
    is. `may_be_over`: see `gateways.base.Session`. `event_at`: the event's own time, which orders
    it among the events of its session, and nothing else.

    Any value is cut to what a row can hold: a batch must not fail for one bad value.
    """

    gateway_id: int
    session_id: str
    status: Status | None
    observed_at: datetime
    source: Source
    reason: Reason = Reason.NONE
    phone_number: str | None = None
    workspace_id: int | None = None
    connected_at: datetime | None = None
    is_cached: bool = False
    may_be_over: bool = False
    event_at: datetime | None = None
    restriction: Restriction | None = None
    raw: str = ""
    actor: str = ""
    evidence: str = ""

    def __post_init__(self) -> None:
        for name, limit in (("raw", 200), ("actor", 150), ("evidence", 100)):
            object.__setattr__(self, name, printable(getattr(self, name), limit=limit))
        object.__setattr__(self, "phone_number", normal_phone_number(self.phone_number))

    @property
    def can_be_kept(self) -> bool:
        """True if a row can hold this session id. An id that no row can hold belongs to no account;
        cut, it could be another session's."""
        return self.session_id == printable(self.session_id, limit=LONGEST_SESSION_ID)

    @property
    def is_read(self) -> bool:
        return self.source in READS

    @property
    def is_claim(self) -> bool:
        return self.source in CLAIMS

    @property
    def session(self) -> tuple[int, str]:
        return (self.gateway_id, self.session_id)


class Verdict(StrEnum):
    """Result of one observation."""

    APPLIED = "applied"  # the status changed
    REFRESHED = "refreshed"  # nothing new, but newer
    TAKEN_OVER = "taken_over"  # the account now runs on this session
    TAKEN_BACK = "taken_back"  # a superseded session is the account's again
    TAKEOVER_UNDONE = "takeover_undone"
    MERGED = "merged"
    OLDER = "older"
    SUPERSEDED = "superseded"
    DUPLICATE = "duplicate"
    UNKNOWN_SESSION = "unknown_session"
    WORKSPACE_MISMATCH = "workspace_mismatch"
    STILL_FRESH = "still_fresh"  # an expiry that came too early


# An observation with one of these verdicts said something about an account and was accepted.
BELIEVED = frozenset(
    {
        Verdict.APPLIED,
        Verdict.REFRESHED,
        Verdict.TAKEN_OVER,
        Verdict.TAKEN_BACK,
        Verdict.TAKEOVER_UNDONE,
        Verdict.MERGED,
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Result of `observe` for one observation. `transition_id` None: no status changed."""

    observation: Observation
    verdict: Verdict
    account_id: int | None = None
    was: Status | None = None
    now: Status | None = None
    why: str = ""


def observation_of_read(
    gateway_id: int,
    session_id: str,
    session: Session | None,
    started: datetime,
    *,
    is_cached: bool,
) -> Observation:
    """Return the observation of a targeted read that began at `started`. `is_cached`: its kind
    answers from a variable, unless the session's page has borne it out."""
    if session is None:
        return Observation(
            gateway_id=gateway_id,
            session_id=session_id,
            status=Status.DISCONNECTED,
            reason=Reason.MISSING,
            observed_at=started,
            source=Source.READ,
        )
    return Observation(
        gateway_id=gateway_id,
        session_id=session_id,
        status=Status(session.state) if session.state else None,
        reason=session.reason,
        raw=session.raw_state,
        phone_number=session.phone_number,
        workspace_id=session.workspace_id,
        connected_at=session.connected_at,
        is_cached=is_cached and not session.by_page,
        may_be_over=session.may_be_over,
        restriction=session.restriction,
        observed_at=started,
        source=Source.READ,
    )
