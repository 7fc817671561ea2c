"""Facts for repair about the accounts that need something: a fixed number of statements for any
number of gateways and accounts."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.conf import settings
from django.db import connection
from django.db.models import Count

from accounts.models import Account, Gateway, Incident, Repair
from accounts.repair.repairs import RepairPlan
from accounts.state.maintenance import under_maintenance
from accounts.state.served import Served, served
from accounts.words.phone_numbers import canonical, spellings
from accounts.words.status import Status, Wanted
from accounts.words.step_codes import PlannedStep, StepCode, step_of_row
from gateways.base import Reason
from gateways.registry import capabilities_of
from reconciliation.models import Finding
from reconciliation.repair.policy import LOST, NOTICED, STABLE, Case, Conditions, History
from reconciliation.repair.strangers import Lost, Strangers

# How many of an account's last changes are searched for when it was stable.
CHANGES_LOOKED_AT = 50
_LIMITS: dict[str, Any] = {
    "stable": STABLE,
    "looked_at": CHANGES_LOOKED_AT,
    "lost": sorted(LOST),
    "noticed": sorted(NOTICED),
}

# Every lookup depends on `needing`. Otherwise PostgreSQL, with old statistics, scans the history of
# every account before it excludes those that need nothing.
_CASES = """
WITH needing AS (
    SELECT id FROM whatsapp_accounts WHERE status IN ('disconnected', 'unresponsive', 'failed')
    UNION
    SELECT id FROM whatsapp_accounts
     WHERE NOT (next_step_code = '') OR strikes > 0 OR quarantined_until IS NOT NULL
)
SELECT account.id, account.gateway_id, account.session_id, coalesce(account.phone_number, ''),
       account.status, account.status_reason, account.status_since,
       account.wanted = 'running' AND account.archived_at IS NULL
           AND account.merged_into_id IS NULL AND account.session_id IS NOT NULL,
       account.next_step_code, account.next_step_at, account.strikes, account.quarantined_until,
       coalesce(open.state, ''), coalesce(open.asked_by, ''),
       last.id, coalesce(last.reason, ''),
       tried.strikes, tried.attempts, tried.ended_at, greatest(told.human_at, tried.human_at),
       account.workspace_id, coalesce(account.unshown_since, account.status_since),
       CASE WHEN told.noticed_at > coalesce(told.up_at, '-infinity') THEN told.noticed_at END,
       account.next_step_arguments, coalesce(tried.refused_for, ''),
       coalesce(nullif(tried.refusal, ''), account.status_raw, '')
  FROM needing JOIN whatsapp_accounts account USING (id)
  LEFT JOIN LATERAL (
       SELECT state, asked_by FROM account_repairs
        WHERE account_id = needing.id AND state IN ('waiting', 'running', 'unclear') LIMIT 1
       ) open ON true
  LEFT JOIN LATERAL (
       SELECT id, reason FROM account_repairs
        WHERE account_id = needing.id AND reason NOT IN ('', 'operator', 'repair_gave_up')
          AND steps <> '["stop"]'
        ORDER BY id DESC LIMIT 1
       ) last ON true
  CROSS JOIN LATERAL (
       SELECT max(created_at) FILTER (WHERE source = 'operator' OR from_status = 'connected'
                  AND coalesce(lasted >= %(stable)s, true)) AS clean_at,
              max(created_at) FILTER (WHERE source = 'operator' AND from_status <> 'failed')
                  AS human_at,
              max(created_at) FILTER (WHERE to_status = ANY(%(lost)s) AND reason = ANY(%(noticed)s))
                  AS noticed_at,
              max(created_at) FILTER (WHERE to_status = 'connected') AS up_at
         FROM (SELECT source, from_status, to_status, reason, created_at,
                      created_at - lead(created_at) OVER (ORDER BY id DESC) AS lasted
                 FROM (SELECT id, source, from_status, to_status, reason, created_at
                         FROM account_transitions
                        WHERE account_id = needing.id ORDER BY id DESC LIMIT %(looked_at)s
                      ) changes
              ) spans
       ) told
  CROSS JOIN LATERAL (
       SELECT count(*) FILTER (WHERE asked_by = 'rollcall' AND state <> 'cancelled') AS strikes,
              count(*) FILTER (WHERE asked_by = 'rollcall') AS attempts,
              max(finished_at) AS ended_at,
              (array_agg(refused_for ORDER BY id DESC)
                  FILTER (WHERE state <> 'cancelled'))[1] AS refused_for,
              (array_agg(CASE WHEN refused_for <> '' THEN outcome END ORDER BY id DESC)
                  FILTER (WHERE state <> 'cancelled'))[1] AS refusal,
              max(finished_at) FILTER (WHERE asked_by <> 'rollcall') AS human_at
         FROM account_repairs
        WHERE account_id = needing.id AND state NOT IN ('waiting', 'running', 'unclear')
          AND steps <> '["stop"]'
          AND coalesce(started_at, finished_at, asked_at) > coalesce(told.clean_at, '-infinity')
       ) tried
 ORDER BY account.status_since, account.id
"""


Name = TypeVar("Name", int, str)


@dataclass(frozen=True, slots=True, kw_only=True)
class Twins:
    """By canonical number the accounts that run with it, and the unclaimed sessions, each with its
    gateway. `served`: only a gateway that serves the account's workspace holds up its repair."""

    accounts: dict[str, list[tuple[int, int]]]
    sessions: dict[str, list[tuple[str, int]]]
    served: Served

    def accounts_beside(self, number: str, workspace_id: int, account_id: int) -> tuple[int, ...]:
        found = self._counting(self.accounts, number, workspace_id)
        return tuple(one for one in found if one != account_id)

    def sessions_beside(self, number: str, workspace_id: int) -> tuple[str, ...]:
        return self._counting(self.sessions, number, workspace_id)

    def _counting(
        self, known: dict[str, list[tuple[Name, int]]], number: str, workspace_id: int
    ) -> tuple[Name, ...]:
        found = known.get(canonical(number), ()) if number else ()
        return tuple(name for name, gateway in found if (gateway, workspace_id) in self.served)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """Account that needs something, or whose recorded plan may be out of date. `noted`: the state
    of its repair, as its row holds it. `told`: its gateway's words about its loss, for people."""

    account_id: int
    gateway_id: int
    session_id: str
    phone_number: str
    told: str
    case: Case
    chance: float
    noted: RepairPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Gateway as repair sees it.

    `open_repairs`: how many are in its queue. `listed_at`: when its last complete list was
    requested.
    """

    name: str
    place: Conditions
    open_repairs: int
    listed_at: datetime | None


def watched(sites: dict[int, Site]) -> list[Watched]:
    """Return the accounts, the longest lost first."""
    with connection.cursor() as cursor:
        cursor.execute(_CASES, _LIMITS)
        rows = cursor.fetchall()
    twins = _twins_of({row[3] for row in rows if row[3]}, {row[20] for row in rows if row[3]})
    strangers = Strangers()
    return [_watched(row, sites[row[1]], twins, strangers) for row in rows if row[1] in sites]


def sites(now: datetime) -> dict[int, Site]:
    """Return every gateway, by its id."""
    maintained = under_maintenance(now)
    held = (Incident.Kind.MASS_LOSS, Incident.Kind.SELF_CHECK)
    incidents = Incident.objects.filter(closed_at__isnull=True, kind__in=held)
    troubles = {(row.kind, row.gateway_id) for row in incidents}
    queues = Repair.objects.filter(state__in=Repair.OPEN).values_list("gateway_id")
    open_repairs = dict(queues.annotate(Count("pk")).order_by())
    return {
        gateway.pk: Site(
            name=gateway.name,
            open_repairs=open_repairs.get(gateway.pk, 0),
            listed_at=gateway.listed_at,
            place=Conditions(
                acts=gateway.mode == Gateway.Mode.ACT,
                hidden=_why_hidden(gateway, now, maintained, troubles),
                is_paused=gateway.repair_paused_at is not None,
                paused_why=gateway.repair_paused_why,
                capabilities=capabilities_of(gateway.kind),
            ),
        )
        for gateway in Gateway.objects.all()
    }


def _why_hidden(
    gateway: Gateway,
    now: datetime,
    maintained: set[int],
    troubles: set[tuple[str, int | None]],
) -> StepCode | None:
    """Return why nothing may be done on what we know of its sessions now; None if it may."""
    late = timedelta(seconds=settings.LIVE_WORD_EXPIRES_AFTER_SECONDS)
    if gateway.pk in maintained:
        return StepCode.MAINTENANCE
    if (Incident.Kind.SELF_CHECK, None) in troubles:
        return StepCode.SELF_CHECK
    if gateway.blind_since is not None:
        return StepCode.GATEWAY_BLIND
    if gateway.sight_since is None:
        return StepCode.GATEWAY_UNREAD
    if gateway.listed_at is not None and gateway.listed_at + late <= now:
        return StepCode.LIST_OVERDUE
    if gateway.boot_seen_at is not None:
        return StepCode.BOOTING
    if (Incident.Kind.MASS_LOSS, gateway.pk) in troubles:
        return StepCode.MASS_LOSS
    return None


def _twins_of(numbers: Collection[str], workspaces: Collection[int]) -> Twins:
    """Return the accounts that should run with these numbers, and the unclaimed sessions that run
    with them. Those that cannot be seen now block nobody."""
    accounts: dict[str, list[tuple[int, int]]] = defaultdict(list)
    sessions: dict[str, list[tuple[str, int]]] = defaultdict(list)
    if not numbers:
        return Twins(accounts=accounts, sessions=sessions, served=frozenset())
    written = {spelling for number in numbers for spelling in spellings(number)}
    running = Account.objects.visible().filter(
        phone_number__in=written, wanted=Wanted.RUNNING, session_id__isnull=False
    )
    for pk, number, gateway in running.order_by("pk").values_list(
        "pk", "phone_number", "gateway_id"
    ):
        accounts[canonical(str(number))].append((pk, gateway))
    strange = Finding.objects.filter(
        kind=Finding.Kind.UNCLAIMED,
        ended_at__isnull=True,
        now=Status.CONNECTED,
        phone_number__in=written,
        gateway__blind_since__isnull=True,
    )
    for session_id, number, gateway in strange.values_list(
        "session_id", "phone_number", "gateway_id"
    ):
        sessions[canonical(number)].append((session_id, gateway))
    gateways = {gateway for found in accounts.values() for _, gateway in found}
    gateways |= {gateway for found in sessions.values() for _, gateway in found}
    return Twins(accounts=accounts, sessions=sessions, served=served(gateways, workspaces))


def _elsewhere(lost_to: Reason, since: datetime, site: Site, stranger: str) -> PlannedStep | None:
    """Return the step that prevents a start, if the missing session may run at its gateway under
    another id. A start would make a second one, and both would wait for the phone."""
    if lost_to is not Reason.MISSING:
        return None
    if site.listed_at is None or site.listed_at < since:
        return PlannedStep(code=StepCode.AWAITS_LIST)
    if stranger:
        return PlannedStep(code=StepCode.UNCLAIMED_SESSION, session_id=stranger)
    return None


def _watched(
    row: tuple,  # type: ignore[type-arg]
    site: Site,
    twins: Twins,
    strangers: Strangers,
) -> Watched:
    (pk, gateway_id, session_id, number, status, reason, since, wanted) = row[:8]
    (open_state, open_by, last_id, last_reason, strikes, attempts, ended_at, human_at) = row[12:20]
    history = History(
        strikes=strikes,
        attempts=attempts,
        ended_at=ended_at,
        open_state=open_state,
        open_by=open_by,
        human_at=human_at,
        refused_for=_reason(row[24]),
    )
    lost_to = _lost_to(reason, last_reason)
    lost = Lost(
        account_id=pk,
        gateway_id=gateway_id,
        workspace_id=row[20],
        phone_number=number,
        at=row[21],
    )
    undecided = strangers.undecided(lost) if lost_to is Reason.MISSING else None
    case = Case(
        status=Status(status),
        reason=_reason(reason),
        lost_to=lost_to,
        since=since,
        wanted=wanted,
        place=site.place,
        history=history,
        twin_accounts=twins.accounts_beside(number, row[20], pk),
        twin_sessions=twins.sessions_beside(number, row[20]),
        elsewhere=_elsewhere(lost_to, since, site, strangers.proposed(pk)),
        undecided=undecided.session_id if undecided else "",
        undecided_since=undecided.first_seen_at if undecided else None,
        noticed_at=row[22],
    )
    return Watched(
        account_id=pk,
        gateway_id=gateway_id,
        session_id=session_id or "",
        phone_number=number,
        told=row[25],
        case=case,
        chance=_chance(pk, last_id, attempts),
        noted=RepairPlan(
            account_id=pk,
            next_step=step_of_row(row[8], json.loads(row[23])),
            next_step_at=row[9],
            strikes=row[10],
            quarantined_until=row[11],
        ),
    )


def _reason(code: str) -> Reason:
    """Return the reason. A code of a newer version reads as unrecognised."""
    try:
        return Reason(code)
    except ValueError:
        return Reason.UNRECOGNISED


def _lost_to(code: str, of_last_repair: str) -> Reason:
    """Return why the session was lost. "Repair gave up" and an operator's permission to try again
    are no such reason."""
    reason = _reason(code)
    is_ours = reason in (Reason.REPAIR_GAVE_UP, Reason.OPERATOR)
    return _reason(of_last_repair) if is_ours and of_last_repair else reason


def _chance(account_id: int, last_repair: int | None, attempts: int) -> float:
    """Return the jitter, fixed for each attempt: the time that people were told does not change."""
    return random.Random(f"{account_id} {last_repair} {attempts}").random()
