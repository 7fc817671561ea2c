"""What a comparison of a list with our rows is made of: values only."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from accounts.state.observations import Observation
from accounts.words.status import Source, Status
from gateways.base import Reason, Session
from reconciliation.models import Finding
from reconciliation.rollcall.boot import Boot
from reconciliation.rollcall.rows import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing on which list and rows do not agree. `held`: seen, but not acted on, and why.
    `workspace_id`: of a session that nobody claims, as its gateway says."""

    kind: Finding.Kind
    session_id: str
    account_id: int | None = None
    phone_number: str = ""
    workspace_id: int | None = None
    was: str = ""
    now: str = ""
    held: bool = False
    why: str = ""


@dataclass(slots=True)
class Comparison:
    """What follows from one list.

    `decided` pairs a difference with the observation that mends it; `noted` are only shown;
    `fresh` are observations of agreement, made only where the list is not complete; `to_read`
    are the rows that must be read one by one; `is_mass_loss`: half of the gateway's connected
    accounts are absent from it; `held_back` the accounts for which a mass loss is not over
    yet; `moved_on` those that another session of this list takes over, so that the absence of
    their old one says nothing; `unanswered` those whose pages the list was made by asking, and
    gave no answer; `to_name` sessions that run without their number, which only a read of their own
    tells. `unshown` and `shown_again` keep the watermark honest.
    """

    decided: list[tuple[Difference, Observation]] = field(default_factory=list)
    noted: list[Difference] = field(default_factory=list)
    fresh: list[Observation] = field(default_factory=list)
    to_read: list[Row] = field(default_factory=list)
    is_mass_loss: bool = False
    held_back: set[int] = field(default_factory=set)
    moved_on: set[int] = field(default_factory=set)
    unanswered: set[int] = field(default_factory=set)
    to_name: list[str] = field(default_factory=list)
    unshown: set[int] = field(default_factory=set)
    shown_again: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """Of the gateway: `started` is when it was asked for its list, `now` when the rows were read.

    `status_is_cached`: its list goes on saying "connected" of what is dead; `listed_at`: when it
    was asked for its last whole list; `sight_since`: since when reads have succeeded and counted;
    `held_since`: since when a mass loss is held; `superseded`: sessions of this gateway that
    accounts once ran on, and the account; `maintained`: it is under maintenance, so that absence is
    not judged; `starting`: sessions whose start, asked for by us, may still happen.
    """

    gateway_id: int
    started: datetime
    now: datetime
    boot: Boot
    status_is_cached: bool = False
    listed_at: datetime | None = None
    sight_since: datetime | None = None
    held_since: datetime | None = None
    superseded: Mapping[str, int] = field(default_factory=dict)
    maintained: bool = False
    starting: Collection[str] = ()


def difference(row: Row, kind: Finding.Kind, *, now: str) -> Difference:
    return Difference(
        kind=kind,
        session_id=row.session_id,
        account_id=row.account_id,
        phone_number=row.phone_number,
        was=row.status,
        now=now,
    )


def seen(session: Session, at: Circumstances, *, status: Status, reason: Reason) -> Observation:
    """The list shows it."""
    return Observation(
        gateway_id=at.gateway_id,
        session_id=session.session_id,
        status=status,
        reason=reason,
        phone_number=session.phone_number,
        workspace_id=session.workspace_id,
        connected_at=session.connected_at,
        is_cached=at.status_is_cached,
        observed_at=at.started,
        source=Source.LIST,
    )
