"""Check whether repair does harm: compare accounts that it brought back with those that it did not
touch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from accounts.repair.repairs import pause_repair

WINDOW = timedelta(hours=1)
DIES_WITHIN = timedelta(minutes=10)
# Fewer are not significant.
FEWEST_REPAIRED = 5
FEWEST_DIED = 3
# If most repaired accounts stay connected, repair does more good than harm. A few that fail again
# whatever is done end in their own quarantine.
LEAST_SHARE = 0.5
TIMES_AS_MANY = 3
# The check runs every few seconds for every gateway: a likely coincidence would pause all of them
# sooner or later.
AT_MOST_BY_CHANCE = 0.001

# Repair is not to blame for a loss that is part of a mass loss.
ALONE = timedelta(minutes=1)
_DIED_ALONE = """AND NOT EXISTS (
                SELECT FROM incidents mass
                 WHERE mass.kind = 'mass_loss' AND mass.gateway_id = {gateway}
                   AND change.created_at >= mass.opened_at - %(alone)s
                   AND change.created_at
                       <= coalesce(mass.closed_at, change.created_at) + %(alone)s)"""
# `+ interval '0'` keeps PostgreSQL from searching a repair's changes by time, among those of all
# accounts in ten minutes, which may be thousands. It searches them by account.
_REPAIRED = f"""
SELECT gateway.id, count(DISTINCT repair.account_id),
       count(DISTINCT repair.account_id) FILTER (WHERE EXISTS (
           SELECT FROM account_transitions change
            WHERE change.account_id = repair.account_id AND change.source <> 'operator'
              AND change.from_status <> change.to_status
              AND change.to_status = ANY(%(dead)s)
              AND change.created_at + interval '0' > repair.finished_at
              AND change.created_at + interval '0' <= repair.finished_at + %(soon)s
              {_DIED_ALONE.format(gateway="gateway.id")}))
  FROM accounts_gateway gateway
  JOIN account_repairs repair ON repair.gateway_id = gateway.id
   AND repair.started_at > %(since)s AND repair.asked_by = 'rollcall'
   AND repair.state = 'succeeded' AND repair.steps <> '["stop"]'
 WHERE gateway.repair_paused_at IS NULL
   AND repair.finished_at > coalesce((
       SELECT max(closed_at) FROM incidents
        WHERE kind = 'repair_harms' AND gateway_id = gateway.id), '-infinity')
 GROUP BY gateway.id
"""
_OTHERS = f"""
SELECT account.gateway_id, count(*), count(*) FILTER (WHERE died.it)
  FROM whatsapp_accounts account
 CROSS JOIN LATERAL (
       SELECT EXISTS (
           SELECT FROM account_transitions change
            WHERE change.account_id = account.id AND change.source <> 'operator'
              AND change.from_status <> change.to_status
              AND change.to_status = ANY(%(dead)s) AND change.created_at > %(since)s
              AND NOT EXISTS (
                SELECT FROM account_repairs repair
                 WHERE repair.account_id = account.id AND repair.asked_by = 'rollcall'
                   AND repair.finished_at < change.created_at
                   AND repair.finished_at >= change.created_at - %(soon)s)
              {_DIED_ALONE.format(gateway="account.gateway_id")}) AS it
       ) died
 WHERE account.gateway_id = ANY(%(gateways)s) AND account.wanted = 'running'
   AND account.archived_at IS NULL AND account.merged_into_id IS NULL
   AND (account.status = 'connected' OR died.it)
 GROUP BY account.gateway_id
"""
_DEAD = ["disconnected", "unresponsive", "logged_out", "blocked", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Accounts of one gateway within the last hour.

    `died`: lost within 10 min after they were brought back. `others`: all accounts of the gateway
    that run or were lost. `others_died`: lost at any other time of that hour.
    """

    repaired: int
    died: int
    others: int = 0
    others_died: int = 0

    def __str__(self) -> str:
        return (
            f"{self.died} of {self.repaired} sessions that Rollcall restarted within an hour died "
            f"again within 10 min; of all {self.others}, {self.others_died} died at another time"
        )


def is_worth_asking(tally: Tally) -> bool:
    """Return True if so many died that a comparison with the others matters."""
    enough = tally.repaired >= FEWEST_REPAIRED and tally.died >= FEWEST_DIED
    return enough and tally.died >= LEAST_SHARE * tally.repaired


def harms(tally: Tally) -> bool:
    """Return True if repaired accounts die several times as often as the others, in equal times,
    and not by chance. Without any others to compare with the answer is False."""
    return is_worth_asking(tally) and by_chance(tally) < AT_MOST_BY_CHANCE


def by_chance(tally: Tally) -> float:
    """Return the probability that of all who died at least so many were repaired ones, if these
    died only TIMES_AS_MANY as often as the others. Exact, for two rates, given the total."""
    at_risk = TIMES_AS_MANY * tally.repaired * DIES_WITHIN
    share = at_risk / (at_risk + tally.others * WINDOW)
    in_all = tally.died + tally.others_died
    return math.fsum(_binomial(number, in_all, share) for number in range(tally.died, in_all + 1))


def _binomial(number: int, of: int, share: float) -> float:
    """Return the binomial probability, by logarithms: the numbers of a large gateway exceed any
    float."""
    if share >= 1:
        return float(number == of)
    ways = math.lgamma(of + 1) - math.lgamma(number + 1) - math.lgamma(of - number + 1)
    return math.exp(ways + number * math.log(share) + (of - number) * math.log1p(-share))


def look_for_harm(now: datetime) -> None:
    """Pause repair where it does more harm than good. At most two statements to find it."""
    since = now - WINDOW
    rows = _select(_REPAIRED, since=since)
    tallies = {pk: Tally(repaired=repaired, died=died) for pk, repaired, died in rows}
    suspects = {pk: tally for pk, tally in tallies.items() if is_worth_asking(tally)}
    if not suspects:
        return
    rows = _select(_OTHERS, since=since, gateways=list(suspects))
    fared = {pk: (others, died) for pk, others, died in rows}
    for pk, suspect in suspects.items():
        alive, died = fared.get(pk, (0, 0))
        tally = Tally(repaired=suspect.repaired, died=suspect.died, others=alive, others_died=died)
        if harms(tally):
            pause_repair(pk, str(tally))


def _select(sql: str, **values: Any) -> list[tuple[int, int, int]]:
    parameters: dict[str, Any] = {"dead": _DEAD, "alone": ALONE, "soon": DIES_WITHIN, **values}
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())
