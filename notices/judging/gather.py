"""Find the accounts about which something may have to be decided, in one statement.

An account is looked at if it has changed since the last tick, or if its open loss is due to be
judged again. Nothing walks all accounts: docs/notices.md, "What a tick costs".
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from accounts.state.maintenance import IS_MAINTAINED_SQL, RESUMED_AT_SQL
from accounts.store.database import ask
from accounts.words.status import Status
from notices.judging.decide import DOWN, Facts, Judged, is_wanted

# A transition becomes visible at its commit, which may come this much after its time.
OVERLAP = timedelta(seconds=60)
# Bounds a tick; what is left is found by the next one.
MOST_AT_ONCE = 5000

_LOSS = (
    *("id", "account_id", "opened_at", "status", "reason", "due_at", "next_look_at"),
    *("up_since", "drops", "is_again", "told_at"),
)

_CHANGED = """
SELECT DISTINCT account_id AS id FROM account_transitions WHERE created_at > %(since)s
"""
# Lost, and no loss is open: what no tick has seen, because none ran, or a commit came very late.
_MISSED = """
SELECT lost.id FROM whatsapp_accounts lost
 WHERE lost.status = ANY(%(down)s) AND lost.status_since > %(missed_from)s
"""
_FACTS = f"""
WITH seen AS MATERIALIZED ({{changed}}
    UNION
    SELECT account_id FROM notices_loss WHERE ended_at IS NULL AND next_look_at <= %(now)s
)
SELECT account.id, account.status, account.status_reason, account.status_since, account.wanted,
       account.merged_into_id IS NOT NULL OR account.archived_at IS NOT NULL,
       account.last_connected_at IS NOT NULL OR account.connected_at IS NOT NULL,
       gateway.blind_since IS NOT NULL OR {IS_MAINTAINED_SQL},
       greatest(gateway.sight_since, {RESUMED_AT_SQL}),
       last.source,
       coalesce(account.observed_at > last.observed_at OR account.read_at > last.observed_at
                OR (account.unshown_since IS NULL AND gateway.listed_at > last.observed_at), false),
       (SELECT max(past.ended_at) FROM notices_loss past
         WHERE past.account_id = account.id AND past.ending = 'healed'),
       {", ".join(f"loss.{column}" for column in _LOSS)}
  FROM seen
  JOIN whatsapp_accounts account ON account.id = seen.id
  JOIN accounts_gateway gateway ON gateway.id = account.gateway_id
  LEFT JOIN LATERAL (SELECT * FROM notices_loss one
                      WHERE one.account_id = account.id AND one.ended_at IS NULL
                      ORDER BY one.account_id LIMIT 1) loss ON true
  LEFT JOIN LATERAL (SELECT source, observed_at FROM account_transitions transition
                      WHERE transition.account_id = account.id
                      ORDER BY transition.id DESC LIMIT 1) last ON true
 WHERE loss.next_look_at <= %(now)s
    OR loss.status <> account.status OR loss.reason <> account.status_reason
    OR (loss.id IS NULL AND account.status = ANY(%(down)s) AND account.wanted = 'running'
        AND coalesce(account.last_connected_at, account.connected_at) IS NOT NULL
        AND account.merged_into_id IS NULL AND account.archived_at IS NULL)
 ORDER BY account.id
 LIMIT {MOST_AT_ONCE}
"""


def gather(
    now: datetime, *, since: datetime, missed_from: datetime | None = None
) -> list[tuple[Facts, Judged | None]]:
    """Return the facts of each account to judge, with its open loss. `missed_from`: look also for
    what earlier ticks have missed since then."""
    changed = _CHANGED if missed_from is None else f"{_CHANGED} UNION {_MISSED}"
    [rows] = ask(
        _FACTS.format(changed=changed),
        now=now,
        since=since - OVERLAP,
        missed_from=missed_from,
        down=[status.value for status in DOWN],
    )
    return list(_read(rows))


def _read(rows: list[Any]) -> Iterator[tuple[Facts, Judged | None]]:
    for pk, status, reason, at, wanted, hidden, was, blind, seen, source, sure, back, *loss in rows:
        facts = Facts(
            account_id=pk,
            status=Status(status),
            reason=reason,
            since=at,
            is_wanted=is_wanted(wanted, is_hidden=hidden),
            was_connected=was,
            is_blind=blind,
            seen_from=seen,
            source=source or "",
            confirmed=sure,
            told_back_at=back,
        )
        yield facts, _judged(dict(zip(_LOSS, loss, strict=True)))


def _judged(row: dict[str, Any]) -> Judged | None:
    pk = row.pop("id")
    return None if pk is None else Judged(loss_id=pk, **row)
