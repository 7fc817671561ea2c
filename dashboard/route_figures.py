"""Every gateway's webhooks in figures, from the tallies: nobody counts the inbox."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Prefetch

from accounts.models import Gateway, Incident
from webhooks.models import Route, RouteTally
from webhooks.passages import LIMITS_MS
from webhooks.tallies import percentile_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A span that ends now, in `cells` of equal length. `span` says which tallies it is read
    from."""

    name: str
    label: str
    length: timedelta
    cells: int
    span: RouteTally.Span

    @property
    def cell(self) -> timedelta:
        return self.length / self.cells

    def begins_at(self, now: datetime) -> datetime:
        """At a whole cell, so that the last one is the one that is under way."""
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
            span=RouteTally.Span.MINUTE,
        ),
        Window(
            name="24h",
            label="24 hours",
            length=timedelta(hours=24),
            cells=24,
            span=RouteTally.Span.HOUR,
        ),
        Window(
            name="7d", label="7 days", length=timedelta(days=7), cells=42, span=RouteTally.Span.HOUR
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
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
        """Of all changes of status, those that the roll call saw first. 100: webhooks are dead."""
        return 100 * self.changes_missed / self.changes if self.changes else None

    def handled_within_ms(self, percent: int) -> int | None:
        return percentile_ms(self.handling, percent)

    def lag_within_ms(self, percent: int) -> int | None:
        return percentile_ms(self.lag, percent)


@dataclass(slots=True, kw_only=True)
class WatchedRoute:
    """A gateway with all that the monitor shows of it. `route` None: nothing ever came."""

    gateway: Gateway
    route: Route | None
    figures: Figures = Figures()
    beats: list[Beat] = field(default_factory=list)

    @property
    def open_incidents(self) -> list[Incident]:
        found: list[Incident] = self.gateway.open_incidents  # type: ignore[attr-defined]
        return found

    @property
    def trouble(self) -> tuple[int, int, float, str]:
        """What needs somebody first."""
        in_a_row = self.route.consecutive_failures if self.route else 0
        success = self.figures.success_percent
        return (
            -len(self.open_incidents),
            -in_a_row,
            success if success is not None else 100.5,
            self.gateway.name,
        )


_COUNTERS = (
    *("received", "succeeded", "failed", "refused", "repeated", "retried", "misrouted"),
    *("unsigned", "changes", "changes_missed"),
)
_BUCKETS = range(1, len(LIMITS_MS) + 2)
_SUMS = """
SELECT gateway_id, {counters}, ARRAY[{handling}], ARRAY[{lag}]
  FROM webhook_route_tallies WHERE span = %s AND began_at >= %s GROUP BY gateway_id
""".format(
    counters=", ".join(f"sum({name})::int" for name in _COUNTERS),
    handling=", ".join(f"coalesce(sum(handling[{place}]), 0)::int" for place in _BUCKETS),
    lag=", ".join(f"coalesce(sum(lag[{place}]), 0)::int" for place in _BUCKETS),
)
_BEATS = """
SELECT gateway_id, width_bucket(extract(epoch FROM began_at), %s, %s, %s) - 1 AS cell,
       sum(received)::int, sum(succeeded)::int, sum(failed + refused)::int
  FROM webhook_route_tallies
 WHERE span = %s AND began_at >= %s AND gateway_id = ANY(%s)
 GROUP BY 1, 2
"""


def watched_routes(window: Window, now: datetime) -> list[WatchedRoute]:
    """Every gateway, those in trouble first; without beats. Four statements, however many."""
    is_open = Incident.objects.filter(closed_at__isnull=True).order_by("opened_at")
    gateways = Gateway.objects.prefetch_related(
        Prefetch("incidents", queryset=is_open, to_attr="open_incidents")
    )
    routes = {route.gateway_id: route for route in Route.objects.all()}
    figures = figures_of(window, now)
    watched = [
        WatchedRoute(
            gateway=gateway,
            route=routes.get(gateway.pk),
            figures=figures.get(gateway.pk, Figures()),
        )
        for gateway in gateways
    ]
    return sorted(watched, key=lambda one: one.trouble)


def figures_of(window: Window, now: datetime) -> dict[int | None, Figures]:
    """By gateway; None: of nobody we know."""
    with connection.cursor() as cursor:
        cursor.execute(_SUMS, [window.span, window.begins_at(now)])
        return {
            gateway_id: Figures(
                **dict(zip(_COUNTERS, rest[: len(_COUNTERS)], strict=True)),
                handling=rest[-2],
                lag=rest[-1],
            )
            for gateway_id, *rest in cursor.fetchall()
        }


def add_beats(watched: Iterable[WatchedRoute], window: Window, now: datetime) -> None:
    """Each gateway's cells, the quiet ones too. One statement."""
    watched = list(watched)
    begins_at = window.begins_at(now)
    first, last = begins_at.timestamp(), (begins_at + window.length).timestamp()
    with connection.cursor() as cursor:
        ids = [one.gateway.pk for one in watched]
        cursor.execute(_BEATS, [first, last, window.cells, window.span, begins_at, ids])
        found: dict[int, dict[int, tuple[int, int, int]]] = defaultdict(dict)
        for gateway_id, cell, *numbers in cursor.fetchall():
            found[gateway_id][cell] = tuple(numbers)
    for one in watched:
        cells = found.get(one.gateway.pk, {})
        one.beats = [
            _beat(begins_at + number * window.cell, cells.get(number))
            for number in range(window.cells)
        ]


def _beat(began_at: datetime, numbers: tuple[int, int, int] | None) -> Beat:
    received, succeeded, not_succeeded = numbers or (0, 0, 0)
    return Beat(
        began_at=began_at, received=received, succeeded=succeeded, not_succeeded=not_succeeded
    )


def all_beats(window: Window, now: datetime) -> list[Beat]:
    """Of all gateways together, for the chart."""
    begins_at = window.begins_at(now)
    first, last = begins_at.timestamp(), (begins_at + window.length).timestamp()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT cell, sum(received), sum(succeeded), sum(ended) FROM ("
            + _BEATS.replace("AND gateway_id = ANY(%s)", "")
            + ") beats(gateway_id, cell, received, succeeded, ended) GROUP BY cell",
            [first, last, window.cells, window.span, begins_at],
        )
        cells = {cell: (int(a), int(b), int(c)) for cell, a, b, c in cursor.fetchall()}
    return [
        _beat(begins_at + number * window.cell, cells.get(number)) for number in range(window.cells)
    ]
