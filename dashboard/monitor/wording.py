"""What the monitor says of a gateway's webhooks, in words and aligned numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from accounts.explain.explanation import age
from accounts.models import Gateway
from dashboard.monitor.figures import PeriodFigures, Window
from dashboard.monitor.watched import WatchedRoute
from dashboard.wording.html import visible
from webhooks.models import Route
from webhooks.route_monitor.rules import RECENTLY
from webhooks.route_monitor.wrong_path import WrongPath, read

NOTHING = "–"
# Fewer changes say nothing about a route.
FEWEST_CHANGES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteState:
    """`tone` is that of the light before its name."""

    tone: str
    word: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One thing worth knowing now."""

    tone: str
    words: str


def state_of(watched: WatchedRoute) -> RouteState:
    if watched.open_incidents:
        return RouteState(tone="bad", word="has an open incident")
    if watched.failures_in_a_row:
        return RouteState(tone="warn", word="failed the last time")
    if watched.route is None or watched.route.last_success_at is None:
        return RouteState(tone="off", word="never sent anything")
    return RouteState(tone="good", word="well")


def notes_of(watched: WatchedRoute, now: datetime) -> list[Note]:
    route = watched.route
    return list(_notes(watched.gateway, route, now)) if route else []


def _notes(gateway: Gateway, route: Route, now: datetime) -> Iterator[Note]:
    if route.consecutive_failures:
        yield Note(tone="bad", words=_in_a_row(route.consecutive_failures))
        if route.last_failure_code == "clock_skew" and route.clock_skew_seconds:
            yield Note(tone="bad", words=f"its clock is {skew(route.clock_skew_seconds)}")
    if used := [one.path for one in read(route.wrong_paths) if is_wrong(one, gateway, now)]:
        yield Note(tone="bad", words=f"sends to {visible(' and '.join(used))}")
    if route.last_unsigned_at and not gateway.must_sign:
        yield Note(
            tone="off", words=f"accepts unsigned, last {age(route.last_unsigned_at, now)} ago"
        )


def _in_a_row(failures: int) -> str:
    return f"{failures} failure{'s' * (failures != 1)} in a row"


def is_wrong(used: WrongPath, gateway: Gateway, now: datetime) -> bool:
    """Used lately, and nobody has allowed it."""
    return now - used.at < RECENTLY and used.path not in gateway.accepted_paths


def skew(seconds: int) -> str:
    return f"{abs(seconds)} s {'ahead' if seconds > 0 else 'behind'}"


def missed_tone(figures: PeriodFigures) -> str:
    """Return a warning where webhooks miss most changes, once there are enough changes to tell."""
    missed = figures.missed_percent
    if missed is None or figures.changes < FEWEST_CHANGES or missed < 50:
        return ""
    return "bad" if missed == 100 else "warn"


def rate(received: int, window: Window) -> str:
    """Return the rate in the unit that makes it a readable number."""
    if not received:
        return ""
    for unit, seconds in (("s", 1), ("min", 60), ("h", 3600)):
        number = received * seconds / window.length.total_seconds()
        if number >= 1:
            return f"{number:,.0f} / {unit}" if number >= 10 else f"{number:.1f} / {unit}"
    return f"{received * timedelta(days=1) / window.length:.1f} / d"


def percent(value: float | None) -> str:
    """Never 100 where something failed, never 0 where something worked."""
    if value is None:
        return NOTHING
    if 99 < value < 100 or 0 < value < 1:
        return f"{min(max(value, 0.1), 99.9):.1f} %"
    return f"{value:.0f} %"


def within(values: tuple[int | None, ...]) -> str:
    """Several limits in one unit: "5 · 25 · 50 ms"."""
    known = [value for value in values if value is not None]
    if not known:
        return NOTHING
    if max(known) < 1000:
        return f"{' · '.join(str(value) for value in known)} ms"
    return f"{' · '.join(f'{value / 1000:g}' for value in known)} s"
