"""Automatic repair: decide what to do about every lost account, and do the part that is done at
once. accounts.repair.starts carries out the starts, within its limits."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime

from django.conf import settings

from accounts.explain.step_text import try_text
from accounts.incidents.incidents import LONGEST, close_incident, open_incident
from accounts.models import Account, Incident, Repair
from accounts.repair.repairs import RepairPlan, ask, note_plans
from accounts.state.observations import Observation
from accounts.state.observe import observe
from accounts.store import clock
from accounts.words.reasons import meaning
from accounts.words.refusals import Refused
from accounts.words.status import Source, Status
from accounts.words.step_codes import PlannedStep, StepCode
from gateways.base import Reason
from reconciliation.repair.cases import Site, Watched, sites, watched
from reconciliation.repair.flapping import flapping
from reconciliation.repair.harm_check import look_for_harm
from reconciliation.repair.policy import (
    LOST,
    Decision,
    Hold,
    Nothing,
    Quarantine,
    Repairing,
    WaitToStart,
    decide,
    is_left_over,
    still_quarantined,
)
from reconciliation.repair.restricted import restricted
from reconciliation.repair.stop_unwanted import enqueue_unwanted

logger = logging.getLogger(__name__)

# The queue holds only starts that run soon; for the others it is better to decide again when there
# is room.
WAITING_FOR_EACH_START = 2
MOST_ASKED_AT_ONCE = 50
NUMBERS_NAMED = 5
_TOLD = {
    Incident.Kind.CONFLICT: "another client has taken over ",
    Incident.Kind.LEFT_OVER: "a browser left behind holds the profile of ",
    Incident.Kind.FLAPPING: "connected and lost time and again: ",
    Incident.Kind.RESTRICTED: "",
}
_FLAPPING = Incident.Kind.FLAPPING

Decided = Sequence[tuple[Watched, Decision]]


def govern() -> None:
    """Check the whole fleet once. Two runs at once are harmless: an account has one open repair,
    and equal plans are written once."""
    now = clock.database_now()
    look_for_harm(now)
    known = sites(now)
    rows = watched(known)
    decided = [(row, decide(row.case, now, row.chance)) for row in rows]
    _give_up(decided, now)
    plans = [(row, _plan(row, decision, now)) for row, decision in decided]
    note_plans([plan for row, plan in plans if plan != row.noted])
    _ask(decided, known)
    _tell(rows, now)
    enqueue_unwanted(known, now)


def _give_up(decided: Decided, now: datetime) -> None:
    """Mark these accounts as failed, except those seen alive since `now`."""
    observe(
        Observation(
            gateway_id=row.gateway_id,
            session_id=row.session_id,
            status=Status.FAILED,
            reason=Reason.REPAIR_GAVE_UP,
            raw=_last_words(row),
            observed_at=now,
            source=Source.REPAIR,
            actor="rollcall",
            evidence=f"{row.case.history.strikes} restarts",
        )
        for row, decision in decided
        if isinstance(decision, Quarantine) and row.case.status is not Status.FAILED
    )


def _last_words(row: Watched) -> str:
    """Return what it was lost to, with its gateway's own words: "failed" is shown in their
    place."""
    why = meaning(row.case.lost_to).text
    return f"{why}: {row.told}" if row.told else why


def _plan(row: Watched, decision: Decision, now: datetime) -> RepairPlan:
    next_step, at = _next_step(decision)
    strikes, until = row.case.history.strikes, None
    if isinstance(decision, Quarantine):
        until = decision.until
    elif isinstance(decision, Hold):
        until = still_quarantined(row.case, now)
    elif isinstance(decision, Nothing):
        strikes = 0 if decision.is_stable else row.noted.strikes
        until = None if decision.is_over else row.noted.quarantined_until
    return RepairPlan(
        account_id=row.account_id,
        next_step=next_step,
        next_step_at=at,
        strikes=strikes,
        quarantined_until=until,
    )


def _next_step(decision: Decision) -> tuple[PlannedStep | None, datetime | None]:
    match decision:
        case WaitToStart(until=until, next_step=step):
            return step, until
        case Quarantine(until=until):
            return PlannedStep(code=StepCode.RESTART_AFTER_QUARANTINE), until
        case Repairing(next_step=step) | Hold(next_step=step):
            return step, None
        case Nothing():
            return None, None


def _ask(decided: Decided, known: dict[int, Site]) -> None:
    """Queue as many starts as the gateways' queues have room for, the longest lost first."""
    most = settings.REPAIR_STARTS_PER_GATEWAY * WAITING_FOR_EACH_START
    taken = Counter({pk: site.open_repairs for pk, site in known.items()})
    asking: dict[int, tuple[Watched, Repairing]] = {}
    for row, decision in decided:
        has_room = taken[row.gateway_id] < most and len(asking) < MOST_ASKED_AT_ONCE
        if isinstance(decision, Repairing) and has_room:
            taken[row.gateway_id] += 1
            asking[row.account_id] = (row, decision)
    accounts = Account.objects.in_bulk(list(asking))
    for pk, (row, decision) in asking.items():
        _ask_for(accounts[pk], row, decision)


def _ask_for(account: Account, row: Watched, decision: Repairing) -> None:
    lost_to = row.case.lost_to
    try:
        ask(
            account,
            by=Repair.Asker.ROLLCALL,
            actor="rollcall",
            why=f"{try_text(decision.next_step)}: {meaning(lost_to).text}",
            reason=lost_to,
            steps=decision.steps,
        )
    except Refused as refusal:  # something has changed meanwhile
        logger.info("account %s is not restarted: %s", account.pk, refusal)


def _tell(rows: Sequence[Watched], now: datetime) -> None:
    """Open, update and close the incidents about accounts that only a human can help: one of a kind
    for each gateway, with the numbers. Written only when their text changes."""
    told = Incident.objects.filter(kind__in=_TOLD, closed_at__isnull=True, gateway__isnull=False)
    texts = {(row.kind, row.gateway_id): row.text for row in told}
    named = _to_tell(
        rows, now, told={pk for kind, pk in texts if pk is not None and kind == _FLAPPING}
    )
    for (kind, gateway_id), numbers in named.items():
        text = f"{_TOLD[Incident.Kind(kind)]}{_listed(sorted(numbers))}"[:LONGEST]
        if texts.get((kind, gateway_id)) != text:
            open_incident(Incident.Kind(kind), gateway_id=gateway_id, text=text, count=len(numbers))
    for kind, gateway in texts.keys() - named.keys():
        close_incident(Incident.Kind(kind), gateway_id=gateway)


def _to_tell(
    rows: Sequence[Watched], now: datetime, *, told: Collection[int]
) -> dict[tuple[str, int], list[str]]:
    """Return what each incident names, by its kind and gateway. A conflict that comes and goes has
    an incident of another kind."""
    named: dict[tuple[str, int], list[str]] = defaultdict(list)
    come_and_go = flapping(now, told)
    for one in come_and_go:
        number = f"{one.phone_number or 'no number yet'} (account {one.account_id})"
        named[_FLAPPING, one.gateway_id].append(number)
    for gateway_id, limit in restricted(now):
        named[Incident.Kind.RESTRICTED, gateway_id].append(limit)
    passing = {one.account_id for one in come_and_go}
    for row in rows:
        if not (row.case.wanted and row.case.status in LOST):
            continue
        if row.case.lost_to is Reason.REPLACED and row.account_id not in passing:
            named[Incident.Kind.CONFLICT, row.gateway_id].append(_named(row))
        if is_left_over(row.case):
            # The gateway's own words name the profile.
            named[Incident.Kind.LEFT_OVER, row.gateway_id].append(f"{_named(row)}: {row.told}")
    return named


def _named(row: Watched) -> str:
    return f"{row.phone_number or 'no number yet'} (account {row.account_id})"


def _listed(named: Sequence[str]) -> str:
    more = f" and {len(named) - NUMBERS_NAMED} more" if len(named) > NUMBERS_NAMED else ""
    return f"{', '.join(named[:NUMBERS_NAMED])}{more}"
