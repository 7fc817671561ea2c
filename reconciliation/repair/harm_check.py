"""Does repair do harm? What it brought back is compared with what it did not touch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from accounts.repair.pause import pause_repair

WINDOW = timedelta(hours=1)
DIES_WITHIN = timedelta(minutes=10)
# Fewer say nothing.
FEWEST_REPAIRED = 5
FEWEST_DIED = 3
# Where most of what it brings back stays, it does more good than harm, and a few that are sick and
# fall again whatever is done end in their own quarantine.
LEAST_SHARE = 0.5
TIMES_AS_MANY = 3
# Asked each few seconds, of every gateway: what chance gives now and then would pause all of them
# sooner or later.
AT_MOST_BY_CHANCE = 0.001

# Of a death in a mass loss no repair is to blame: the whole gateway was.
ALONE = timedelta(minutes=1)
_DIED_ALONE = """AND NOT EXISTS (
                SELECT FROM incidents mass
                 WHERE mass.kind = 'mass_loss' AND mass.gateway_id = {gateway}
                   AND change.created_at >= mass.opened_at - %(alone)s
                   AND change.created_at
                       <= coalesce(mass.closed_at, change.created_at) + %(alone)s)"""
# Nothing is added to the moment: else PostgreSQL would look for a repair's changes by their time,
# among those of all accounts in ten minutes, which may be thousands, and not by their account.
_REPAIRED = f"""
SELECT gateway.id, count(DISTINCT repair.account_id),
       count(DISTINCT repair.account_id) FILTER (WHERE EXISTS (
           SELECT FROM account_transitions change
            WHERE change.account_id = repair.account_id AND change.source <> 'operator'
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
    """Accounts of one gateway within the last hour. `died`: within 10 min after they were brought
    back; `others`: all that there are, `others_died` at any time of that hour but then."""

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
    """Whether so many died that it matters how the others fared."""
    enough = tally.repaired >= FEWEST_REPAIRED and tally.died >= FEWEST_DIED
    return enough and tally.died >= LEAST_SHARE * tally.repaired


def harms(tally: Tally) -> bool:
    """Whether what was repaired dies several times as often as what was not, in equal times, and
    chance does not give that. Where there is nobody to compare with, nobody can say."""
    return is_worth_asking(tally) and by_chance(tally) < AT_MOST_BY_CHANCE


def by_chance(tally: Tally) -> float:
    """How likely it is that of all who died so many were repaired ones, or more, if these died just
    TIMES_AS_MANY as often as the others: exact, of two rates, given how many died in all."""
    at_risk = TIMES_AS_MANY * tally.repaired * DIES_WITHIN
    share = at_risk / (at_risk + tally.others * WINDOW)
    in_all = tally.died + tally.others_died
    return math.fsum(_binomial(number, in_all, share) for number in range(tally.died, in_all + 1))


def _binomial(number: int, of: int, share: float) -> float:
    """By logarithms: the numbers of a large gateway are beyond any float."""
    if share >= 1:
        return float(number == of)
    ways = math.lgamma(of + 1) - math.lgamma(number + 1) - math.lgamma(of - number + 1)
    return math.exp(ways + number * math.log(share) + (of - number) * math.log1p(-share))


def look_for_harm(now: datetime) -> None:
    """Pause repair where it does more harm than good: two statements at most, to find it."""
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
