"""Counts of requests on each route by minute and by hour, for pages, metrics and the route
monitor, so that none of them has to count the inbox."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from django.db import connection, transaction

from accounts.store import clock
from webhooks.models import RouteTally
from webhooks.route_monitor.request_log import LIMITS_MS, TALLIES
from webhooks.wire.redis_batch import taken

COUNTERS = (
    *("received", "succeeded", "failed", "refused"),
    *("repeated", "retried", "misrouted", "unsigned"),
)
MINUTES_KEPT = timedelta(days=2)
HOURS_KEPT = timedelta(days=35)
_BUCKETS = len(LIMITS_MS) + 1

_ADD = """
INSERT INTO webhook_route_tallies AS tally (gateway_id, span, began_at, {counters}, handling, lag,
                                            changes, changes_missed)
SELECT gateway.id, noted.span, noted.began_at, {noted}, noted.handling, noted.lag, 0, 0
  FROM jsonb_to_recordset(%s::jsonb) noted(gateway_id bigint, span text, began_at timestamptz,
       {definition}, handling int[], lag int[])
  LEFT JOIN accounts_gateway gateway ON gateway.id = noted.gateway_id
 WHERE gateway.id IS NOT NULL OR noted.gateway_id IS NULL
 ORDER BY gateway.id, noted.span, noted.began_at
    ON CONFLICT (span, began_at, gateway_id) DO UPDATE
   SET {added},
       handling = (SELECT array_agg(coalesce(a, 0) + coalesce(b, 0) ORDER BY place)
                     FROM unnest(tally.handling, excluded.handling) WITH ORDINALITY x(a, b, place)),
       lag = (SELECT array_agg(coalesce(a, 0) + coalesce(b, 0) ORDER BY place)
                FROM unnest(tally.lag, excluded.lag) WITH ORDINALITY x(a, b, place))
""".format(
    counters=", ".join(COUNTERS),
    noted=", ".join(f"noted.{name}" for name in COUNTERS),
    definition=", ".join(f"{name} int" for name in COUNTERS),
    added=", ".join(f"{name} = tally.{name} + excluded.{name}" for name in COUNTERS),
)

_Key = tuple[int | None, str, datetime]


def flush_tallies() -> int:
    """Add the noted requests to their minutes and hours. Return the number of rows."""
    with taken(TALLIES) as noted:
        rows = _rows(noted)
        if rows:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(_ADD, [json.dumps(rows)])
    return len(rows)


def _rows(noted: Mapping[str, str]) -> list[dict[str, object]]:
    sums: dict[_Key, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for field, number in noted.items():
        gateway_id, minute, name = json.loads(field)
        for span in RouteTally.Span:
            sums[gateway_id, span, _began_at(span, minute)][name] += int(number)
    return [_row(key, names) for key, names in sums.items()]


def _began_at(span: RouteTally.Span, minute: int) -> datetime:
    seconds = {RouteTally.Span.MINUTE: minute, RouteTally.Span.HOUR: minute // 3600 * 3600}
    return datetime.fromtimestamp(seconds.get(span, 0), UTC)


def _row(key: _Key, names: Mapping[str, int]) -> dict[str, object]:
    gateway_id, span, began_at = key
    counters = {name: names.get(name, 0) for name in COUNTERS}
    return {
        **{"gateway_id": gateway_id, "span": span, "began_at": began_at.isoformat()},
        **counters,
        "handling": _histogram("handling", names),
        "lag": _histogram("lag", names),
    }


def _histogram(name: str, names: Mapping[str, int]) -> list[int]:
    return [names.get(f"{name}:{place}", 0) for place in range(_BUCKETS)]


def add_up(histograms: Iterable[Sequence[int]]) -> list[int]:
    """Add several histograms. A row without figures has an empty one."""
    total = [0] * _BUCKETS
    for histogram in histograms:
        for place, number in enumerate(histogram[:_BUCKETS]):
            total[place] += number
    return total


def percentile_ms(histogram: Sequence[int], percent: int) -> int | None:
    """Return the upper limit of the class of that percentile; None without figures.

    A value above the last limit reads as that limit.
    """
    wanted, so_far = sum(histogram) * percent / 100, 0
    for place, number in enumerate(histogram):
        so_far += number
        if number and so_far >= wanted:
            return LIMITS_MS[min(place, len(LIMITS_MS) - 1)]
    return None


def prune_tallies() -> int:
    """Delete old minutes (a day is kept) and hours (some weeks are kept). Return the number of
    rows."""
    now = clock.database_now()
    kept = {RouteTally.Span.MINUTE: MINUTES_KEPT, RouteTally.Span.HOUR: HOURS_KEPT}
    return sum(
        RouteTally.objects.filter(span=span, began_at__lt=now - limit).delete()[0]
        for span, limit in kept.items()
    )
