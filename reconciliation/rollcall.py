"""One roll call: ask the gateway, compare, observe, look closer at what is absent, keep records."""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

from django.conf import settings
from django.db import connection

from accounts import clock, sight
from accounts.confirm import as_observation
from accounts.incidents import close_incident, open_incident
from accounts.models import Gateway, Incident, SupersededSession
from accounts.observations import Observation, Outcome, Verdict
from accounts.reach import client_of
from accounts.status import Status
from accounts.transitions import observe
from gateways.base import Client, GatewayError, Listing, Reason, Session
from reconciliation import records
from reconciliation.diff import Circumstances, Comparison, Difference, diff
from reconciliation.lease import PASS_SECONDS, Lease, LeaseLost, take_lease, wait_for_lease
from reconciliation.models import Finding, Run
from reconciliation.roll import Boot, Row, follow_boot, rows_of

logger = logging.getLogger(__name__)
HEALTH_SECONDS = 3.0
LIST_SECONDS = 8.0
READ_SECONDS = 5.0
READS_AT_ONCE = 8
NOT_READ = "there was no time to read it: the next pass will"
Made = TypeVar("Made")


@dataclass(slots=True)
class Report:
    """What one pass of one gateway found. `why` says what could not be seen."""

    gateway: str
    is_readable: bool = True
    why: str = ""
    skipped: bool = False
    sessions_listed: int | None = None
    findings: list[Difference] = field(default_factory=list)

    @property
    def is_in_sync(self) -> bool:
        return self.is_readable and not self.why and not self.findings


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the gateway answered, and when it was asked."""

    started: datetime
    uptime_seconds: float | None
    listing: Listing
    status_is_cached: bool


def call_roll(gateway_id: int, *, plan: bool = False, wait_seconds: float | None = None) -> Report:
    """One pass. With `plan` nothing is changed. `wait_seconds` None: a pass of the schedule, which
    is skipped when another is under way or began just now."""
    gateway = Gateway.objects.get(pk=gateway_id)
    report = Report(gateway=gateway.name)
    ends = time.monotonic() + PASS_SECONDS
    if wait_seconds is None:
        lease = take_lease(gateway_id, unless_recent=True)
    else:
        lease = wait_for_lease(gateway_id, limit_seconds=wait_seconds)
        ends = time.monotonic() + PASS_SECONDS
    if lease is None:
        report.skipped = True
        report.why = "" if wait_seconds is None else "another pass is under way and does not end"
        report.is_readable = wait_seconds is None
        return report
    try:
        _pass(gateway, lease, report, plan=plan, ends=ends)
    except LeaseLost:
        logger.warning("the roll call of %s took too long: another one has taken over", gateway)
        report.skipped = True
    finally:
        lease.release()
    return report


def _pass(gateway: Gateway, lease: Lease, report: Report, *, plan: bool, ends: float) -> None:
    started = clock.database_now()
    try:
        with client_of(gateway) as client:
            _release_connection()
            look = _look(client, started, ends)
            lease.renew()
            comparison = _compare(gateway, look, plan=plan)
            report.findings = _settle(comparison, plan=plan)
            report.findings += _read_absent(client, gateway, comparison, plan=plan, ends=ends)
    except GatewayError as error:
        report.is_readable, report.why = False, str(error)
        if not plan:
            _note_blind(gateway, report.why, started)
            records.keep(gateway, report, started=started, outcome=Run.Outcome.UNREADABLE)
        return
    report.sessions_listed = len(look.listing.sessions)
    report.why = look.listing.why_incomplete
    if not plan:
        lease.renew()
        _note_seen(gateway, look, comparison)
        records.keep(gateway, report, started=started, outcome=_outcome(report, look))


def _look(client: Client, started: datetime, ends: float) -> Look:
    health = client.health(deadline_seconds=_left(ends, HEALTH_SECONDS))
    listing = client.list_sessions(deadline_seconds=_left(ends, LIST_SECONDS))
    held = health.sessions_held
    if listing.complete and held is not None and len(listing.sessions) < held:
        why = f"it holds {held} sessions by its health, and lists {len(listing.sessions)}"
        listing = replace(listing, complete=False, why_incomplete=why)
    return Look(
        started=started,
        uptime_seconds=health.uptime_seconds,
        listing=listing,
        status_is_cached=client.status_is_cached,
    )


def _left(ends: float, at_most: float) -> float:
    return max(0.1, min(at_most, ends - time.monotonic()))


def _compare(gateway: Gateway, look: Look, *, plan: bool) -> Comparison:
    rows = rows_of(gateway.pk)
    listed = {session.session_id for session in look.listing.sessions}
    boot = follow_boot(
        Boot.of(gateway),
        started=look.started,
        uptime_seconds=look.uptime_seconds,
        listed=listed,
        rows=rows,
    )
    if not plan:
        records.keep_boot(gateway, boot)
    unclaimed = listed - {row.session_id for row in rows}
    past = SupersededSession.objects.filter(gateway=gateway, session_id__in=unclaimed)
    circumstances = Circumstances(
        gateway_id=gateway.pk,
        started=look.started,
        booted_at=boot.booted_at,
        in_grace=boot.seen_at is not None,
        sight_since=gateway.sight_since,
        superseded=dict(past.values_list("session_id", "account_id")),
    )
    return diff(rows, look.listing, circumstances)


def _settle(comparison: Comparison, *, plan: bool) -> list[Difference]:
    """Observe what was decided; what came of it may differ from what was expected."""
    if plan:
        return [*(difference for difference, _ in comparison.decided), *comparison.noted]
    outcomes = observe([*(observation for _, observation in comparison.decided), *comparison.fresh])
    settled = [
        _as_observed(difference, outcome)
        for (difference, _), outcome in zip(comparison.decided, outcomes, strict=False)
    ]
    return [difference for difference in settled if difference is not None] + comparison.noted


def _as_observed(difference: Difference, outcome: Outcome) -> Difference | None:
    """None: something newer came in meanwhile, so there is nothing to say any more."""
    if outcome.verdict in (Verdict.OLDER, Verdict.STILL_FRESH):
        return None
    if outcome.verdict is Verdict.DUPLICATE:
        why = f"account {outcome.account_id} runs on another gateway, proven lately"
        return replace(
            difference,
            kind=Finding.Kind.DUPLICATE,
            account_id=outcome.account_id,
            was=outcome.was or "",
            why=why,
        )
    if outcome.verdict in (Verdict.TAKEN_OVER, Verdict.TAKEN_BACK, Verdict.MERGED):
        why = (
            difference.why
            if difference.kind is Finding.Kind.DUPLICATE
            else (f"account {outcome.account_id} runs on this session now")
        )
        kind = Finding.Kind.DUPLICATE
        return replace(
            difference, kind=kind, account_id=outcome.account_id, held=False, why=why,
            was=outcome.was or "", now=outcome.now or difference.now,
        )  # fmt: skip
    if outcome.account_id is None or difference.held:
        return difference
    return replace(difference, now=outcome.now or difference.now)


# --- a closer look at what is absent -------------------------------------------------------------
def _read_absent(
    client: Client, gateway: Gateway, comparison: Comparison, *, plan: bool, ends: float
) -> list[Difference]:
    """Absence alone condemns nobody: each is read, as many as there is time for."""
    rows = comparison.to_read
    if not rows:
        return []
    moment, began = clock.database_now(), time.monotonic()
    _release_connection()
    with ThreadPoolExecutor(max_workers=min(READS_AT_ONCE, len(rows))) as readers:
        looked = list(readers.map(lambda row: _read(client, row, ends, began), rows))
    differences: list[tuple[Difference, Observation | None]] = []
    for row, (after, answer) in zip(rows, looked, strict=True):
        at = moment + timedelta(seconds=after)
        differences.append(_judge_read(gateway, row, answer, at, client.status_is_cached))
    if not plan:
        observe([observation for _, observation in differences if observation is not None])
    return [difference for difference, _ in differences]


def _read(
    client: Client, row: Row, ends: float, began: float
) -> tuple[float, Session | GatewayError | None]:
    """How many seconds after `began` it was asked, and the answer."""
    after = time.monotonic() - began
    if ends - time.monotonic() < 0.5:
        return after, GatewayError(NOT_READ)
    try:
        answer = client.read_session(row.session_id, deadline_seconds=_left(ends, READ_SECONDS))
    except GatewayError as error:
        return after, error
    return after, answer


def _judge_read(
    gateway: Gateway,
    row: Row,
    answer: Session | GatewayError | None,
    at: datetime,
    status_is_cached: bool,
) -> tuple[Difference, Observation | None]:
    difference = Difference(
        kind=Finding.Kind.MISSING,
        session_id=row.session_id,
        account_id=row.account_id,
        phone_number=row.phone_number,
        was=row.status,
        now=Status.DISCONNECTED,
    )
    if isinstance(answer, GatewayError):
        return replace(difference, now=row.status, held=True, why=str(answer)), None
    observation = as_observation(gateway.pk, row.session_id, answer, at)
    if answer is None:
        why = "absent from its list, and a read says that there is no such session"
        return replace(difference, why=why), observation
    if status_is_cached and answer.state is not None and observation.status is Status.CONNECTED:
        observation = replace(observation, status=Status.UNRESPONSIVE, reason=Reason.NOT_LISTED)
    now = observation.status or answer.raw_state
    why = "alive by its own status, but absent from the list"
    return replace(difference, kind=Finding.Kind.LIST_LIED, now=now, why=why), observation


# --- what we can see -----------------------------------------------------------------------------
def _note_blind(gateway: Gateway, why: str, started: datetime) -> None:
    """After as long as a live word lasts, operators must know."""
    since = sight.note_blind(gateway.pk, why, started=started)
    if (started - since).total_seconds() >= settings.LIVE_WORD_EXPIRES_AFTER_SECONDS:
        open_incident(Incident.Kind.UNREACHABLE, gateway_id=gateway.pk, text=why)


def _note_seen(gateway: Gateway, look: Look, comparison: Comparison) -> None:
    sight.note_sight(gateway.pk, started=look.started)
    if gateway.blind_since is not None:
        close_incident(Incident.Kind.UNREACHABLE, gateway_id=gateway.pk)
    if not look.listing.complete:
        return
    sight.note_listing(
        gateway.pk,
        started=look.started,
        unshown=comparison.unshown,
        shown_again=comparison.shown_again,
    )
    is_held = any(difference.held for difference, _ in comparison.decided) or any(
        difference.held and difference.now == Status.UNKNOWN for difference in comparison.noted
    )
    if comparison.is_mass_loss and is_held:
        lost = len(comparison.unshown)
        text = f"{lost} accounts vanished from its list at once; they are unknown until confirmed"
        open_incident(Incident.Kind.MASS_LOSS, gateway_id=gateway.pk, text=text)
    else:
        close_incident(Incident.Kind.MASS_LOSS, gateway_id=gateway.pk)


def _outcome(report: Report, look: Look) -> Run.Outcome:
    if not look.listing.complete:
        return Run.Outcome.PARTIAL
    return Run.Outcome.DRIFT if report.findings else Run.Outcome.IN_SYNC


def _release_connection() -> None:
    """Nothing of the database is held while a gateway is asked."""
    if not connection.in_atomic_block:
        connection.close()
