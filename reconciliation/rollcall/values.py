"""Values of a roll call: the comparison between a list and our rows, and the report of what it
found. `reconciliation.cli.table` shows a report to people."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from accounts.state.observations import Observation
from accounts.words.status import Source, Status
from gateways.base import Reason, Session
from reconciliation.models import Finding
from reconciliation.rollcall.boot import Boot
from reconciliation.rollcall.rows import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Difference between list and row.

    `held`: seen, but not acted on; `why` says why. `workspace_id`: of an unclaimed session, as its
    gateway reports it.
    """

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
    """Result of the comparison with one list.

    `decided`: differences, each with the observation that fixes it. `noted`: differences that are
    only shown. `fresh`: observations of agreement, only if the list is not complete. `to_read`:
    rows to read one by one. `is_mass_loss`: half of the gateway's connected accounts are absent.
    `held_back`: accounts for which a mass loss is not over yet. `moved_on`: accounts that another
    session of this list takes over, so that the absence of their old one means nothing.
    `unanswered`: accounts whose pages the list was made by asking, and gave no answer. `to_name`:
    sessions that run without their number, which only a read of their own tells. `unshown` and
    `shown_again` keep the watermark correct.
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
    """Circumstances of the gateway.

    `started`: when its list was requested. `now`: when the rows were read. `status_is_cached`: its
    list still says "connected" for a dead session; `says_connecting_with_qr`: and "connecting" for
    one that shows a code. `starts_within`: how long a start may take there. `listed_at`: when its
    last complete list was requested. `sight_since`: since when reads have succeeded and counted.
    `held_since`: since when a mass loss is held. `superseded`: sessions of this gateway that
    accounts once ran on, and the account. `maintained`: it is under maintenance, so absence is not
    judged. `starting`: sessions whose start, requested by us, may still happen.
    """

    gateway_id: int
    started: datetime
    now: datetime
    boot: Boot
    status_is_cached: bool = False
    says_connecting_with_qr: bool = False
    starts_within: timedelta | None = None
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
    """Return the observation that the list shows the session."""
    return Observation(
        gateway_id=at.gateway_id,
        session_id=session.session_id,
        status=status,
        reason=reason,
        phone_number=session.phone_number,
        workspace_id=session.workspace_id,
        connected_at=session.connected_at,
        is_cached=at.status_is_cached,
        may_be_over=session.may_be_over,
        restriction=session.restriction,
        raw=session.raw_state if reason is Reason.UNKNOWN_WORD else "",
        observed_at=at.started,
        source=Source.LIST,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Findings of one roll call of one gateway. `skipped`: there was none. `why`: the reason for
    that, or what could not be seen."""

    gateway: str
    is_readable: bool = True
    skipped: bool = False
    why: str = ""
    sessions_listed: int | None = None
    findings: list[Difference] = field(default_factory=list)

    @property
    def was_read(self) -> bool:
        return self.is_readable and not self.skipped

    @property
    def is_sighted(self) -> bool:
        """True if everything that the gateway holds was seen."""
        return self.was_read and not self.why

    @property
    def is_in_sync(self) -> bool:
        return self.is_sighted and not self.findings


def as_json(reports: Iterable[Report]) -> dict[str, object]:
    """Return the report as JSON. The shape is fixed: other programs read it."""
    reports = list(reports)
    return {
        "in_sync": all(report.is_in_sync for report in reports),
        "gateways": [
            {
                "name": report.gateway,
                "reachable": report.was_read,
                "findings": [_finding(finding) for finding in report.findings],
            }
            for report in reports
        ],
    }


def _finding(finding: Difference) -> dict[str, object]:
    return {
        "kind": str(finding.kind),
        "account_id": finding.account_id,
        "session_id": finding.session_id,
        "phone_number": finding.phone_number or None,
        "was": str(finding.was) or None,
        "now": str(finding.now) or None,
        "held": finding.held,
        "why": finding.why,
    }


def missing(row: Row, now: Status, why: str) -> Difference:
    return replace(difference(row, Finding.Kind.MISSING, now=now), why=why)


def held(row: Row, now: Status, why: str) -> Difference:
    return replace(missing(row, now, why), held=True)


def gone(row: Row, at: Circumstances) -> Observation:
    return Observation(
        gateway_id=at.gateway_id,
        session_id=row.session_id,
        status=Status.DISCONNECTED,
        reason=Reason.MISSING,
        observed_at=at.started,
        source=Source.LIST,
    )
