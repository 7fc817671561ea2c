"""Probes of the live client: which account is due, the lease of each probe under way, and its
recorded result. reconciliation.probes.verdict decides what follows from an answer."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from accounts.models import Account, Gateway
from accounts.store import clock
from accounts.store.database import ask, short_waits
from accounts.words.durations import NEXT_LOOK_SQL
from gateways.base import ProbeKind
from gateways.registry import KINDS
from gateways.wire.untrusted import printable

DEADLINE_SECONDS = 16.0  # a little longer than a gateway's own 15 s for a page that hangs
# Expires by itself if the worker that probes has died.
LEASE = timedelta(seconds=DEADLINE_SECONDS + 10)
# Wait after a failed probe; three of them then take at least 30 s.
AGAIN = timedelta(seconds=15)
FAILURES = 3
# A message that cannot be sent may look odd to WhatsApp: never more often, except for two
# repetitions after a failed one.
SEND_AT_MOST_EVERY = timedelta(minutes=10)
AT_ONCE = 8  # per gateway
SENDS_AT_ONCE = 2

_UNDER_WAY = """
SELECT session_id FROM whatsapp_accounts
 WHERE gateway_id = %(gateway)s AND session_id IS NOT NULL
   AND probing_until > clock_timestamp() AND probing_until <= clock_timestamp() + %(longest)s
"""
_IS_FREE = clock.lease_free_sql("account.probing_until")
_DUE = f"""
WITH site AS MATERIALIZED (
    SELECT gateway.id, kind.probe = 'send' AS by_send, gateway.mode = 'observe' AS is_observed,
           kind.list_is_probe, gateway.send_probe
      FROM accounts_gateway gateway
      JOIN unnest(%(kinds)s::text[], %(probes)s::text[], %(lists)s::boolean[])
           kind(kind, probe, list_is_probe) ON kind.kind = gateway.kind
     WHERE gateway.blind_since IS NULL
       AND (%(gateway)s::bigint IS NULL OR gateway.id = %(gateway)s)
       AND NOT EXISTS (SELECT 1 FROM accounts_maintenancewindow pause
                        WHERE pause.gateway_id = gateway.id
                          AND pause.starts_at <= %(now)s AND pause.ends_at > %(now)s)
), facts AS (
    SELECT account.id, account.gateway_id, account.session_id, account.status, account.probed_at,
           account.probe_failures, account.disproved_at, account.usual_gap_seconds,
           site.by_send, site.is_observed, site.list_is_probe, site.send_probe,
           account.probed_at AS looked,
           GREATEST(account.last_activity_at, account.status_since) AS sign,
           CASE WHEN account.disproved_at IS NOT NULL THEN
               (SELECT max(repair.finished_at) FROM account_repairs repair
                 WHERE repair.account_id = account.id AND repair.state <> 'cancelled')
           END AS repaired_at
      FROM whatsapp_accounts account
      JOIN site ON site.id = account.gateway_id
     WHERE account.session_id IS NOT NULL AND account.wanted = 'running'
       AND account.archived_at IS NULL
       AND (%(account)s::bigint IS NULL OR account.id = %(account)s)
       AND (account.status IN ('connected', 'unresponsive')
            OR account.status IN ('disconnected', 'connecting', 'unknown', 'failed')
               AND (account.disproved_at IS NOT NULL OR account.probe_failures > 0))
       AND {_IS_FREE}
       AND NOT EXISTS (SELECT 1 FROM account_repairs repair
                        WHERE repair.account_id = account.id AND repair.state = 'running')
), due AS (
    SELECT id, gateway_id, session_id, CASE
        WHEN by_send AND (send_probe = 'off' OR is_observed) THEN NULL
        WHEN by_send AND probe_failures BETWEEN 1 AND %(failures)s - 1 THEN probed_at + %(again)s
        WHEN disproved_at IS NOT NULL AND by_send THEN probed_at + %(send_every)s
        WHEN disproved_at IS NOT NULL AND repaired_at > probed_at THEN repaired_at
        WHEN disproved_at IS NOT NULL THEN COALESCE(probed_at, disproved_at) + %(every)s
        WHEN probe_failures > 0 AND NOT by_send THEN probed_at + %(again)s
        WHEN status <> 'connected' OR list_is_probe THEN NULL
        WHEN NOT by_send THEN LEAST(COALESCE(probed_at, sign - %(every)s) + %(every)s,
                                    {NEXT_LOOK_SQL})
        WHEN send_probe = 'always' THEN COALESCE(probed_at + %(send_every)s, sign)
        ELSE GREATEST(probed_at + %(send_every)s, {NEXT_LOOK_SQL})
    END AS due_at
      FROM facts
)
"""
_GATEWAYS = f"{_DUE} SELECT DISTINCT gateway_id FROM due WHERE due_at <= %(now)s"
_DUE_AT = f"{_DUE} SELECT due_at FROM due"
_TAKE = f"""{_DUE}
, turn AS (
    SELECT id FROM due WHERE due_at <= %(now)s ORDER BY due_at, id LIMIT %(room)s
), free AS (
    SELECT account.id FROM whatsapp_accounts account JOIN turn USING (id)
     WHERE {_IS_FREE}
     ORDER BY account.id FOR NO KEY UPDATE OF account SKIP LOCKED
)
UPDATE whatsapp_accounts account SET probing_until = %(now)s + %(lease)s
  FROM free WHERE account.id = free.id
RETURNING account.id, account.session_id
"""
_RECORD = """
UPDATE whatsapp_accounts account
   SET probing_until = NULL, probed_at = probe.asked_at, probe_answer = probe.answer,
       probe_failures = probe.failures, probe_failing_since = probe.failing_since,
       proven_at = CASE WHEN probe.is_proof THEN GREATEST(account.proven_at, probe.asked_at)
                        ELSE account.proven_at END,
       proof = CASE WHEN probe.is_proof AND account.proven_at > probe.asked_at THEN account.proof
                    WHEN probe.is_proof THEN 'a probe of its live client'
                    ELSE account.proof END
  FROM (SELECT account.id, said.asked_at, said.answer, said.failures, said.failing_since,
               said.is_proof
          FROM whatsapp_accounts account
          JOIN unnest(%s::bigint[], %s::text[], %s::timestamptz[], %s::text[], %s::int[],
                      %s::timestamptz[], %s::boolean[])
               said(id, session_id, asked_at, answer, failures, failing_since, is_proof)
         USING (id, session_id)
         ORDER BY account.id FOR NO KEY UPDATE OF account) probe
 WHERE account.id = probe.id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeTurn:
    """A probe under way. `asked_at`: the moment before the request."""

    account_id: int
    session_id: str
    asked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """Recorded result of one probe. `failing_since`: the first of the failures in a row."""

    turn: ProbeTurn
    answer: str
    failures: int
    failing_since: datetime | None
    is_proof: bool


def gateways_with_turns(now: datetime) -> list[int]:
    """Return the ids of gateways that have an account with a due probe."""
    with connection.cursor() as cursor:
        cursor.execute(_GATEWAYS, _parameters(now))
        return sorted(row[0] for row in cursor.fetchall())


def due_at(account_id: int, now: datetime) -> datetime | None:
    """Return when its live client is probed next; None if a probe is under way, or none is
    scheduled."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE_AT, _parameters(now) | {"account": account_id})
        row = cursor.fetchone()
    return row[0] if row else None


def take_turns(gateway_id: int, now: datetime, *, by_send: bool) -> list[ProbeTurn]:
    """Lease due probes, as many as there is room for. Never two probes of one session at once, and
    no more than AT_ONCE of a gateway, for all callers together."""
    with transaction.atomic(), short_waits():
        # The lock on the gateway's row serialises those who count.
        Gateway.objects.select_for_update(no_key=True).only("pk").get(pk=gateway_id)
        under_way = Account.objects.filter(
            clock.lease_held("probing_until", now, longest=LEASE), gateway_id=gateway_id
        ).count()
        room = (SENDS_AT_ONCE if by_send else AT_ONCE) - under_way
        if room <= 0:
            return []
        with connection.cursor() as cursor:
            cursor.execute(_TAKE, _parameters(now) | {"gateway": gateway_id, "room": room})
            return [
                ProbeTurn(account_id=pk, session_id=session_id, asked_at=now)
                for pk, session_id in cursor.fetchall()
            ]


def _parameters(now: datetime) -> dict[str, Any]:
    kinds = {
        name: kind.capabilities
        for name, kind in KINDS.items()
        if kind.capabilities.probe is not ProbeKind.NONE
    }
    return {
        "kinds": list(kinds),
        "probes": [one.probe for one in kinds.values()],
        "lists": [one.list_is_probe for one in kinds.values()],
        "gateway": None,
        "account": None,
        "now": now,
        "lease": LEASE,
        "longest": clock.longest_lease(LEASE),
        "failures": FAILURES,
        "again": AGAIN,
        "every": timedelta(seconds=settings.PROBE_EVERY_SECONDS),
        "send_every": SEND_AT_MOST_EVERY,
    }


def record(probed: Sequence[Probed]) -> None:
    """Write the results in one statement. Drop a result if the session of its account changed
    meanwhile."""
    if not probed:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _RECORD,
            [
                [one.turn.account_id for one in probed],
                [one.turn.session_id for one in probed],
                [one.turn.asked_at for one in probed],
                [printable(one.answer, limit=200) for one in probed],
                [one.failures for one in probed],
                [one.failing_since for one in probed],
                [one.is_proof for one in probed],
            ],
        )


def put_back(turns: Sequence[ProbeTurn], until: datetime) -> None:
    """Return the turns when the gateway itself did not answer, which says nothing about its
    sessions. They are not probed again before `until`."""
    ids = [turn.account_id for turn in turns]
    Account.objects.filter(pk__in=ids).update(probing_until=until)


def count_message(turn: ProbeTurn) -> None:
    """Record a probe message that may have been sent although the whole gateway gave no answer. The
    next one is not due before its time, and the count of failures starts again then."""
    Account.objects.filter(pk=turn.account_id, session_id=turn.session_id).update(
        probed_at=turn.asked_at,
        probe_answer="the gateway itself gave no answer",
        probe_failures=0,
        probe_failing_since=None,
    )


def note_unanswered(gateway_id: int, account_ids: Collection[int], asked_at: datetime) -> None:
    """Record a first failed probe for accounts whose pages did not answer the roll call."""
    if not account_ids:
        return
    Account.objects.filter(
        pk__in=account_ids, gateway_id=gateway_id, probe_failures=0, probing_until__isnull=True
    ).update(
        probed_at=asked_at,
        probe_answer="no answer to the roll call",
        probe_failures=1,
        probe_failing_since=asked_at,
    )


def under_way(gateway_id: int) -> tuple[datetime, set[str]]:
    """Return the database's time, and the sessions of the gateway with a probe under way."""
    longest = clock.longest_lease(LEASE)
    [[now]], rows = ask(clock.now_sql(), _UNDER_WAY, gateway=gateway_id, longest=longest)
    return now, {session_id for (session_id,) in rows}


def unasked(gateway_id: int, now: datetime) -> set[str]:
    """Return the sessions of the gateway that a roll call must not ask: a probe is under way, or
    they hang. Two requests at once to a page that hangs make it worse."""
    mine = Account.objects.filter(gateway_id=gateway_id, session_id__isnull=False)
    failing = mine.filter(probe_failures__gt=0) | mine.filter(probing_until__gt=now)
    return set(failing.values_list("session_id", flat=True))  # type: ignore[arg-type]
