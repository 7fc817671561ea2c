"""One tick: judge what has changed, and write losses, notices and deliveries in one transaction.
The only writer of losses and of notices' numbers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import timedelta

from django.db import connection, transaction

from accounts.store import clock
from accounts.store.database import ask
from notices.judging import group
from notices.judging.decide import Judged, judge
from notices.judging.gather import MOST_AT_ONCE, gather
from notices.models import Watermark

# One tick at a time in the whole installation.
_LOCK = 7_203_114
SWEEP_EVERY = timedelta(minutes=5)
# What was lost longer than this before Rollcall first told anything is not told any more.
BEFORE_WE_BEGAN = timedelta(hours=24)

_COLUMNS = {
    "account_id": "bigint",
    "opened_at": "timestamptz",
    "status": "text",
    "reason": "text",
    "due_at": "timestamptz",
    "next_look_at": "timestamptz",
    "up_since": "timestamptz",
    "drops": "smallint",
    "is_again": "boolean",
    "is_due": "boolean",
    "ended_at": "timestamptz",
    "ending": "text",
}
_DEFINITION = ", ".join(f"{column} {kind}" for column, kind in _COLUMNS.items())
_INSERT = f"""
INSERT INTO notices_loss ({", ".join(_COLUMNS)})
SELECT {", ".join(_COLUMNS)} FROM jsonb_to_recordset(%(rows)s::jsonb) loss({_DEFINITION})
"""
_UPDATE = f"""
UPDATE notices_loss SET {", ".join(f"{column} = loss.{column}" for column in _COLUMNS)}
  FROM jsonb_to_recordset(%(rows)s::jsonb) loss(id bigint, {_DEFINITION})
 WHERE notices_loss.id = loss.id AND notices_loss.id = ANY(%(ids)s::bigint[])
"""


def tick() -> int:
    """Judge what has changed since the last tick. Return how many losses changed. Does nothing
    while another one runs."""
    with transaction.atomic():
        if not _alone():
            return 0
        now = clock.database_now()
        mark, _ = Watermark.objects.get_or_create(pk=1)
        sweep = mark.swept_at is None or mark.swept_at <= now - SWEEP_EVERY
        seen = gather(
            now,
            since=min(mark.judged_until or mark.began_at - BEFORE_WE_BEGAN, now),
            missed_from=mark.began_at - BEFORE_WE_BEGAN if sweep else None,
        )
        changed = [
            (after, before) for facts, before in seen if (after := judge(facts, before, now))
        ]
        _write([after for after, _ in changed])
        group.tell(now)
        group.close(now)
        if len(seen) < MOST_AT_ONCE:  # else the next tick goes on from here
            mark.judged_until = now
            mark.swept_at = now if sweep else mark.swept_at
            mark.save(update_fields=["judged_until", "swept_at"])
    return sum(_is_news(after, before) for after, before in changed)


def _alone() -> bool:
    """Return True if no other tick runs. Let the statements of this one use indexes only: the
    tables grow from nothing to thousands of rows between two ticks, faster than the planner's
    statistics, and a scan for each of these rows would take minutes."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_try_advisory_xact_lock(%s), set_config('enable_seqscan', 'off', true),"
            " set_config('jit', 'off', true)",
            [_LOCK],
        )
        is_free, *_ = cursor.fetchone()
    return bool(is_free)


def _is_news(after: Judged, before: Judged | None) -> bool:
    if before is None:
        return True
    return (after.status, after.reason, after.up_since, after.ended_at) != (
        *(before.status, before.reason, before.up_since, before.ended_at),
    )


def _write(losses: Sequence[Judged]) -> None:
    new = [loss for loss in losses if loss.loss_id is None]
    old = [loss for loss in losses if loss.loss_id is not None]
    if new:
        ask(_INSERT, rows=json.dumps(list(_records(new)), default=str))
    if old:
        ids = [loss.loss_id for loss in old]
        ask(_UPDATE, rows=json.dumps(list(_records(old)), default=str), ids=ids)


def _records(losses: Iterable[Judged]) -> Iterable[dict[str, object]]:
    for loss in losses:
        yield {column: getattr(loss, column) for column in _COLUMNS} | {"id": loss.loss_id}
