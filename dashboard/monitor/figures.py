"""Every gateway's webhooks in figures, from the tallies: nobody counts the inbox."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from webhooks.models import RouteTally
from webhooks.route_monitor.request_log import LIMITS_MS
from webhooks.route_monitor.tallies import percentile_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A span that ends now, in `cells` of equal length, each of which is `cell_label` long. `span`
    says which tallies it is read from."""

    name: str
    label: str
    length: timedelta
    cells: int
    cell_label: str
    span: RouteTally.Span

    @property
    def cell(self) -> timedelta:
        return self.length / self.cells

    def begins_at(self, now: datetime) -> datetime:
        """Return the beginning of a whole cell, so that the last cell is the present one."""
        seconds = self.cell.total_seconds()
        this_cell = now.timestamp() // seconds * seconds
        return datetime.fromtimestamp(this_cell, now.tzinfo) - self.length + self.cell


WINDOWS = {
    window.name: window
    for window in (
        Window(
            name="1h",
            label="1 hour",
            length=timedelta(hours=1),
            cells=60,
            cell_label="minute",
            span=RouteTally.Span.MINUTE,
        ),
        Window(
            name="24h",
            label="24 hours",
            length=timedelta(hours=24),
            cells=24,
            cell_label="hour",
            span=RouteTally.Span.HOUR,
        ),
        Window(
            name="7d",
            label="7 days",
            length=timedelta(days=7),
            cells=42,
            cell_label="4 hours",
            span=RouteTally.Span.HOUR,
        ),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """What came in within one cell."""

    began_at: datetime
    received: int = 0
    succeeded: int = 0
    not_succeeded: int = 0

    @property
    def postponed(self) -> int:
        """Webhooks that were asked to retry (429)."""
        return max(0, self.received - self.succeeded - self.not_succeeded)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodFigures:
    received: int = 0
    succeeded: int = 0
    failed: int = 0
    refused: int = 0
    repeated: int = 0
    retried: int = 0
    misrouted: int = 0
    unsigned: int = 0
    changes: int = 0
    changes_missed: int = 0
    handling: Sequence[int] = ()
    lag: Sequence[int] = ()

    @property
    def success_percent(self) -> float | None:
        ended = self.succeeded + self.failed + self.refused
        return 100 * self.succeeded / ended if ended else None

    @property
    def missed_percent(self) -> float | None:
        """The share of status changes that the roll call saw first. 100: no webhook arrives."""
        return 100 * self.changes_missed / self.changes if self.changes else None

    def handled_within_ms(self, percent: int) -> int | None:
        return percentile_ms(self.handling, percent)

    def lag_within_ms(self, percent: int) -> int | None:
        return percentile_ms(self.lag, percent)


_COUNTERS = (
    *("received", "succeeded", "failed", "refused", "repeated", "retried", "misrouted"),
    *("unsigned", "changes", "changes_missed"),
)
_BUCKETS = range(1, len(LIMITS_MS) + 2)
# `ids` null: of all gateways and of unknown senders.
_CHOSEN = """
  FROM webhook_route_tallies
 WHERE span = %(span)s AND began_at >= %(begins_at)s
   AND (%(ids)s::bigint[] IS NULL OR gateway_id = ANY(%(ids)s))
"""
_COUNTED = ", ".join(f"sum({name})::int" for name in _COUNTERS)
_SUMS = f"SELECT gateway_id, {_COUNTED} {_CHOSEN} GROUP BY gateway_id"
# Dear, by the number of buckets: for those that are looked at.
_SUMS_WITH_LATENCY = "SELECT gateway_id, {counted}, {handling}, {lag} {chosen} GROUP BY 1".format(
    counted=_COUNTED,
    handling=f"ARRAY[{', '.join(f'sum(handling[{place}])::int' for place in _BUCKETS)}]",
    lag=f"ARRAY[{', '.join(f'sum(lag[{place}])::int' for place in _BUCKETS)}]",
    chosen=_CHOSEN,
)
_BEATS = """
SELECT {whose},
       width_bucket(extract(epoch FROM began_at), %(first)s, %(last)s, %(cells)s) - 1 AS cell,
       sum(received)::int, sum(succeeded)::int, sum(failed + refused)::int {chosen}
 GROUP BY 1, 2
"""


def figures_of_all(window: Window, now: datetime) -> dict[int | None, PeriodFigures]:
    """Return figures by gateway, without latency; None is unknown senders. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_SUMS, _chosen(window, now, None))
        return {gateway_id: _figures(numbers) for gateway_id, *numbers in cursor.fetchall()}


def figures_of(window: Window, now: datetime, ids: Iterable[int]) -> dict[int, PeriodFigures]:
    """Return figures of these gateways, also of those without webhooks. One statement."""
    ids = list(ids)
    with connection.cursor() as cursor:
        cursor.execute(_SUMS_WITH_LATENCY, _chosen(window, now, ids))
        found = {
            gateway_id: _figures(numbers, handling=handling, lag=lag)
            for gateway_id, *numbers, handling, lag in cursor.fetchall()
        }
    return {gateway_id: found.get(gateway_id, PeriodFigures()) for gateway_id in ids}


def _figures(
    numbers: Sequence[int], handling: Sequence[int | None] = (), lag: Sequence[int | None] = ()
) -> PeriodFigures:
    """A minute without webhooks has changes, perhaps, but no histogram."""
    return PeriodFigures(
        **dict(zip(_COUNTERS, numbers, strict=True)),
        handling=[number or 0 for number in handling],
        lag=[number or 0 for number in lag],
    )


def beats_of(window: Window, now: datetime, ids: Iterable[int]) -> dict[int, list[Beat]]:
    """Return the cells of these gateways, the quiet ones too. One statement."""
    ids = list(ids)
    found = _cells(_BEATS.format(whose="gateway_id", chosen=_CHOSEN), _chosen(window, now, ids))
    return {gateway_id: _beats(window, now, found.get(gateway_id, {})) for gateway_id in ids}


def beats_together(window: Window, now: datetime, ids: Iterable[int]) -> list[Beat]:
    """Return the cells of these gateways added up. One statement."""
    found = _cells(_BEATS.format(whose="0", chosen=_CHOSEN), _chosen(window, now, ids))
    return _beats(window, now, found.get(0, {}))


_Numbers = tuple[int, int, int]


def _chosen(window: Window, now: datetime, ids: Iterable[int] | None) -> dict[str, Any]:
    begins_at = window.begins_at(now)
    return {
        "span": window.span,
        "begins_at": begins_at,
        "ids": None if ids is None else list(ids),
        "first": begins_at.timestamp(),
        "last": (begins_at + window.length).timestamp(),
        "cells": window.cells,
    }


def _cells(statement: str, parameters: Mapping[str, Any]) -> dict[int, dict[int, _Numbers]]:
    found: dict[int, dict[int, _Numbers]] = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        for whose, cell, *numbers in cursor.fetchall():
            received, succeeded, not_succeeded = numbers
            found[whose][cell] = (received, succeeded, not_succeeded)
    return found


def _beats(window: Window, now: datetime, cells: Mapping[int, _Numbers]) -> list[Beat]:
    begins_at, length = window.begins_at(now), window.cell
    return [
        _beat(begins_at + number * length, *cells.get(number, (0, 0, 0)))
        for number in range(window.cells)
    ]


def _beat(began_at: datetime, received: int, succeeded: int, not_succeeded: int) -> Beat:
    return Beat(
        began_at=began_at, received=received, succeeded=succeeded, not_succeeded=not_succeeded
    )
