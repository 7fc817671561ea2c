"""Accounts with the same number as another account or as an unclaimed session: across gateways,
across workspaces, or spelt differently. They are found and shown; an operator decides
(accounts.operators.lifecycle)."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from django.db import connection, transaction

from accounts.state.served import Served, served
from accounts.store import clock
from accounts.words.phone_numbers import CANONICAL_SQL
from reconciliation.models import Finding

NAMED = 5

# Accounts that run with a number, accounts that were linked to another number than theirs, and
# unclaimed sessions that run with a number.
_TWINS = """
WITH numbered AS (
    SELECT id, 'account ' || id AS who, gateway_id, workspace_id, session_id, status,
           phone_number AS number
      FROM whatsapp_accounts
     WHERE phone_number IS NOT NULL AND session_id IS NOT NULL AND wanted = 'running'
       AND archived_at IS NULL AND merged_into_id IS NULL
    UNION ALL
    SELECT id, 'account ' || id, gateway_id, workspace_id, session_id, status,
           scanned_number
      FROM whatsapp_accounts
     WHERE status_reason = 'wrong_number' AND scanned_number <> ''
       AND session_id IS NOT NULL AND wanted = 'running'
       AND archived_at IS NULL AND merged_into_id IS NULL
    UNION ALL
    SELECT NULL, 'finding ' || id, gateway_id, NULL, session_id, now, phone_number
      FROM reconciliation_finding
     WHERE kind = 'unclaimed' AND ended_at IS NULL AND now = 'connected' AND phone_number <> ''
), spelt AS (SELECT *, {canonical} AS canonical FROM numbered)
SELECT canonical, spelt.id, gateway_id, session_id, status, number,
       coalesce(workspace.name, ''), gateway.name, spelt.workspace_id
  FROM (SELECT *, min(who) OVER one AS first_one, max(who) OVER one AS last_one FROM spelt
        WINDOW one AS (PARTITION BY canonical)) spelt
  LEFT JOIN accounts_workspace workspace ON workspace.id = spelt.workspace_id
  JOIN accounts_gateway gateway ON gateway.id = spelt.gateway_id
 WHERE first_one <> last_one ORDER BY canonical, spelt.id, session_id
""".format(canonical=CANONICAL_SQL.format(number="number"))


class Twin(NamedTuple):
    canonical: str
    account_id: int | None
    gateway_id: int
    session_id: str
    status: str
    number: str
    workspace: str
    gateway: str
    workspace_id: int | None = None

    def __str__(self) -> str:
        if self.account_id is None:
            return f"session {self.session_id}, which nobody claims ({self.gateway}) {self.number}"
        return f"account {self.account_id} ({self.workspace}, {self.gateway}) {self.number}"


def find_twins() -> int:
    """Keep a finding for each account that has twins, and end the findings of accounts without
    twins. Return how many are open. A fixed number of statements."""
    with connection.cursor() as cursor:
        cursor.execute(_TWINS)
        rows = [Twin(*row) for row in cursor.fetchall()]
    workspaces = {twin.workspace_id for twin in rows if twin.workspace_id is not None}
    pairs = served({twin.gateway_id for twin in rows}, workspaces)
    found = {
        (twin.gateway_id, twin.session_id): (twin, why)
        for _, group in groupby(rows, attrgetter("canonical"))
        for twin, why in _with_words(list(group), pairs)
    }
    _keep(found, clock.database_now())
    return len(found)


def _with_words(group: list[Twin], pairs: Served) -> list[tuple[Twin, str]]:
    return [(twin, _words(twin, [one for one in group if one != twin], pairs)) for twin in group]


def _words(twin: Twin, others: list[Twin], pairs: Served) -> str:
    more = f" and {len(others) - NAMED} more" if len(others) > NAMED else ""
    named = ", ".join(map(str, others[:NAMED]))
    strange = any(one.account_id is None for one in others)
    decide = ": take that session over or stop it" if strange else ""
    held = f"neither is repaired until one is kept{decide}"
    if not any(_holds_up(one, other, pairs) for one, other in _each_way(twin, others)):
        held = "its gateway does not serve this workspace, so it holds nothing up"
    return f"the same number runs as {named}{more}: {held}"[:500]


def _each_way(twin: Twin, others: list[Twin]) -> list[tuple[Twin, Twin]]:
    return [(twin, other) for other in others] + [(other, twin) for other in others]


def _holds_up(held: Twin, by: Twin, pairs: Served) -> bool:
    """Return True if repair of the one waits for the other (reconciliation.repair.cases)."""
    return held.account_id is not None and (by.gateway_id, held.workspace_id) in pairs


@transaction.atomic
def _keep(found: dict[tuple[int, str], tuple[Twin, str]], now: datetime) -> None:
    known = Finding.objects.filter(kind=Finding.Kind.TWIN, ended_at__isnull=True)
    seen: dict[str, list[int]] = defaultdict(list)
    for finding in known.select_for_update():
        twin = found.pop((finding.gateway_id, finding.session_id), None)
        is_same = twin is not None and (twin[0].account_id, twin[1]) == (
            finding.account_id,
            finding.why,
        )
        seen["again" if is_same else "over"].append(finding.pk)
        if twin is not None and not is_same:
            found[finding.gateway_id, finding.session_id] = twin
    Finding.objects.filter(pk__in=seen["again"]).update(last_seen_at=now)
    Finding.objects.filter(pk__in=seen["over"]).update(ended_at=now)
    fresh = [_finding(twin, why, now) for twin, why in found.values()]
    Finding.objects.bulk_create(fresh, ignore_conflicts=True)


def _finding(twin: Twin, why: str, now: datetime) -> Finding:
    return Finding(
        kind=Finding.Kind.TWIN,
        gateway_id=twin.gateway_id,
        account_id=twin.account_id,
        session_id=twin.session_id,
        phone_number=twin.number[:15],
        was=twin.status,
        now=twin.status,
        held=True,
        why=why,
        first_seen_at=now,
        last_seen_at=now,
    )
