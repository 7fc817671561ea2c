"""What repair knows of the accounts that need something: a fixed number of statements, however many
gateways and accounts there are."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Count

from accounts.explain.shown_status import MAY_BE_ITS_OWN, NEXT_LIST
from accounts.models import Account, Gateway, Incident, Repair
from accounts.state.maintenance import under_maintenance
from accounts.words.phone_numbers import canonical, spellings
from accounts.words.status import Status, Wanted
from gateways.base import Reason
from gateways.registry import capabilities_of
from reconciliation.models import Finding
from reconciliation.repair.policy import LOST, NOTICED, STABLE, Case, History, Place
from reconciliation.repair.strangers import Lost, Strangers

# So many of an account's last changes are looked through for when it was stable.
CHANGES_LOOKED_AT = 50
_LIMITS: dict[str, Any] = {
    "stable": STABLE,
    "looked_at": CHANGES_LOOKED_AT,
    "lost": sorted(LOST),
    "noticed": sorted(NOTICED),
}

# What is looked up hangs on `needing`: else PostgreSQL, where its statistics are old, looks through
# the history of every account before it leaves out those that need nothing.
_CASES = """
WITH needing AS (
    SELECT id FROM whatsapp_accounts WHERE status IN ('disconnected', 'unresponsive', 'failed')
    UNION
    SELECT id FROM whatsapp_accounts
     WHERE NOT (next_step = '') OR strikes > 0 OR quarantined_until IS NOT NULL
)
SELECT account.id, account.gateway_id, account.session_id, coalesce(account.phone_number, ''),
       account.status, account.status_reason, account.status_since,
       account.wanted = 'running' AND account.archived_at IS NULL
           AND account.merged_into_id IS NULL AND account.session_id IS NOT NULL,
       account.next_step, account.next_step_at, account.strikes, account.quarantined_until,
       coalesce(open.state, ''), coalesce(open.asked_by, ''),
       last.id, coalesce(last.reason, ''),
       tried.strikes, tried.attempts, tried.ended_at, greatest(told.human_at, tried.human_at),
       account.workspace_id, coalesce(account.unshown_since, account.status_since),
       CASE WHEN told.noticed_at > coalesce(told.up_at, '-infinity') THEN told.noticed_at END
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
              max(finished_at) FILTER (WHERE asked_by <> 'rollcall') AS human_at
         FROM account_repairs
        WHERE account_id = needing.id AND state NOT IN ('waiting', 'running', 'unclear')
          AND steps <> '["stop"]'
          AND coalesce(started_at, finished_at, asked_at) > coalesce(told.clean_at, '-infinity')
       ) tried
 ORDER BY account.status_since, account.id
"""


# By canonical number: who runs with it, and their accounts where they have one.
Twins = dict[str, list[tuple[int | None, str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """An account that needs something, or of which something is noted that may be out of date.

    `noted`: next_step, next_step_at, strikes and quarantined_until as they stand on its row."""

    account_id: int
    gateway_id: int
    session_id: str
    phone_number: str
    case: Case
    chance: float
    noted: tuple[str, datetime | None, int, datetime | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A gateway as repair sees it. `open_repairs`: how many are in its queue; `listed_at`: when its
    last complete list was asked for."""

    name: str
    place: Place
    open_repairs: int
    listed_at: datetime | None


def watched(sites: dict[int, Site]) -> list[Watched]:
    """Those that were lost longest ago come first."""
    with connection.cursor() as cursor:
        cursor.execute(_CASES, _LIMITS)
        rows = cursor.fetchall()
    twins = _twins_of({row[3] for row in rows if row[3]})
    strangers = Strangers()
    return [_watched(row, sites[row[1]], twins, strangers) for row in rows if row[1] in sites]


def sites(now: datetime) -> dict[int, Site]:
    """Every gateway, by its id."""
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
            place=Place(
                acts=gateway.mode == Gateway.Mode.ACT,
                hidden=_why_hidden(gateway, now, maintained, troubles),
                paused_why=_why_paused(gateway),
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
) -> str:
    """Why what we know of its sessions may not be acted on now."""
    late = timedelta(seconds=settings.LIVE_WORD_EXPIRES_AFTER_SECONDS)
    if gateway.pk in maintained:
        return "its gateway is under maintenance"
    if (Incident.Kind.SELF_CHECK, None) in troubles:
        return "no gateway can be read: the fault may be our own"
    if gateway.blind_since is not None:
        return "its gateway cannot be read"
    if gateway.sight_since is None:
        return "its gateway has not been read yet"
    if gateway.listed_at is not None and gateway.listed_at + late <= now:
        return "its gateway has shown no complete list lately"
    if gateway.boot_seen_at is not None:
        return "its gateway has just started, and brings its sessions back by itself"
    if (Incident.Kind.MASS_LOSS, gateway.pk) in troubles:
        return "half of its gateway's sessions vanished at once: that is being confirmed"
    return ""


def _why_paused(gateway: Gateway) -> str:
    if gateway.repair_paused_at is None:
        return ""
    return gateway.repair_paused_why or "an operator must resume it"


def _twins_of(numbers: Collection[str]) -> Twins:
    """The accounts that people want running with these numbers, and the sessions that run with them
    and that nobody claims; those that cannot be seen just now hold up nobody."""
    if not numbers:
        return {}
    written = {spelling for number in numbers for spelling in spellings(number)}
    running = Account.objects.visible().filter(
        phone_number__in=written, wanted=Wanted.RUNNING, session_id__isnull=False
    )
    found: Twins = defaultdict(list)
    for pk, number in running.order_by("pk").values_list("pk", "phone_number"):
        found[canonical(str(number))].append((pk, f"account {pk}"))
    strange = Finding.objects.filter(
        kind=Finding.Kind.UNCLAIMED,
        ended_at__isnull=True,
        now=Status.CONNECTED,
        phone_number__in=written,
        gateway__blind_since__isnull=True,
    )
    for session_id, number in strange.values_list("session_id", "phone_number"):
        found[canonical(number)].append((None, f"session {session_id}, which nobody claims"))
    return found


def _elsewhere(lost_to: Reason, since: datetime, site: Site, stranger: str) -> str:
    """A session that its gateway does not have may run there under another id: a start would make
    a second one, and both would wait for the phone."""
    if lost_to is not Reason.MISSING:
        return ""
    if site.listed_at is None or site.listed_at < since:
        return f"{NEXT_LIST} that it holds no other session of it"
    if stranger:
        return f"session {stranger} there, {MAY_BE_ITS_OWN}: take it over"
    return ""


def _watched(
    row: tuple,  # type: ignore[type-arg]
    site: Site,
    twins: Twins,
    strangers: Strangers,
) -> Watched:
    (pk, gateway_id, session_id, number, status, reason, since, wanted) = row[:8]
    (open_state, open_by, last_id, last_reason, strikes, attempts, ended_at, human_at) = row[12:20]
    others = [who for other, who in twins.get(canonical(number), ()) if number and other != pk]
    history = History(
        strikes=strikes,
        attempts=attempts,
        ended_at=ended_at,
        open_state=open_state,
        open_by=open_by,
        human_at=human_at,
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
        twins=tuple(others),
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
        case=case,
        chance=_chance(pk, last_id, attempts),
        noted=row[8:12],
    )


def _reason(code: str) -> Reason:
    """A code of a newer version says nothing to us."""
    try:
        return Reason(code)
    except ValueError:
        return Reason.UNRECOGNISED


def _lost_to(code: str, of_last_repair: str) -> Reason:
    """That we gave up, or that somebody lets us try again, is not why it was lost."""
    reason = _reason(code)
    is_ours = reason in (Reason.REPAIR_GAVE_UP, Reason.OPERATOR)
    return _reason(of_last_repair) if is_ours and of_last_repair else reason


def _chance(account_id: int, last_repair: int | None, attempts: int) -> float:
    """Drawn once for each attempt: the moment that people were told stands."""
    return random.Random(f"{account_id} {last_repair} {attempts}").random()
