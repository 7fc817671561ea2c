"""Heartbeats and charts as small SVGs: one path for each colour, and above them a cell for each bar
that says on hover what it stands for. Trouble has a shape of its own, for those who see no colours:
its bar sticks out.

A page has thousands of bars. They are made of numbers and times alone, so nothing is escaped.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from dashboard.monitor.figures import Beat, Window

CELL, GAP, BEAT_HEIGHT = 5, 1, 20
QUIET, WELL = 3, 12  # how tall a bar of nothing, and of nothing but good, stands
FEWEST_LOST = 6  # of its bar, so that one failure among hundreds is seen
CHART_HEIGHT = 120
Pieces = list[tuple[str, float]]  # tone and height, from the bottom


# --- the heartbeat of one gateway -----------------------------------------------------------------
def heartbeat(beats: Sequence[Beat], times: Sequence[str]) -> SafeString:
    """Draw one bar per cell: nothing came, all handled, some failed, all failed."""
    return _svg("rc-beats", BEAT_HEIGHT, beats, times, [_pieces(beat) for beat in beats])


def _pieces(beat: Beat) -> Pieces:
    if not beat.received:
        return [("none", QUIET)]
    if beat.succeeded == beat.received:
        return [("good", WELL)]
    good = min(beat.succeeded / beat.received * BEAT_HEIGHT, BEAT_HEIGHT - FEWEST_LOST)
    return [("good", good), ("bad" if beat.not_succeeded else "held", BEAT_HEIGHT - good)]


# --- the chart of many ----------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """`scale` are the numbers beside it, from the top; `marks` the times below it, each with its
    place in percent."""

    svg: SafeString
    scale: Sequence[int]
    marks: Sequence[tuple[float, str]]
    caption: str


def chart(beats: Sequence[Beat], window: Window, now: datetime) -> Chart:
    """Handled ones at the bottom, what did not succeed on top of them in its own colour."""
    top = round_limit(max((beat.received for beat in beats), default=0))
    scale = [top, top // 2, 0] if top > 1 else [top, 0]
    pieces = [_scaled(beat, CHART_HEIGHT / top) for beat in beats]
    lines = "".join(
        f"M0 {CHART_HEIGHT * (1 - number / top):.4g}h{_width(beats)}" for number in scale
    )
    return Chart(
        svg=_svg("rc-chart", CHART_HEIGHT, beats, times_of(window, now), pieces, lines=lines),
        scale=scale,
        marks=marks(window, now),
        caption=f"Webhooks per {window.cell_label}, times in UTC",
    )


def _scaled(beat: Beat, factor: float) -> Pieces:
    numbers = (("good", beat.succeeded), ("held", beat.postponed), ("bad", beat.not_succeeded))
    return [(tone, number * factor) for tone, number in numbers]


def round_limit(most: int) -> int:
    """The end of a scale, not far above `most`, that can be halved: 1, 2, 4, 6, 8, 10, 12, 16, …"""
    power = 1
    while 10 * power < most:
        power *= 10
    return next(
        step * power // 10
        for step in (10, 12, 16, 20, 24, 30, 40, 60, 80, 100)
        if step * power >= 10 * most and (step * power % 20 == 0 or step * power == 10)
    )


_ROUND = {
    "1h": (timedelta(minutes=15), "%H:%M"),
    "24h": (timedelta(hours=6), "%H:%M"),
    "7d": (timedelta(days=2), "%-d %b"),
}
# Further right, a mark would run into the end.
LAST_MARK_PERCENT = 88


def marks(window: Window, now: datetime) -> list[tuple[float, str]]:
    """Return marks at round times: a quarter of an hour, six hours, every other midnight."""
    step, form = _ROUND[window.name]
    begins_at, seconds = window.begins_at(now), step.total_seconds()
    at = datetime.fromtimestamp(-(-begins_at.timestamp() // seconds) * seconds, now.tzinfo)
    found = []
    while (percent := 100 * ((at - begins_at) / window.length)) <= LAST_MARK_PERCENT:
        found.append((round(percent, 2), f"{at:{form}}"))
        at += step
    return found


# --- both -----------------------------------------------------------------------------------------
def times_of(window: Window, now: datetime) -> list[str]:
    """Return when each cell begins, in words."""
    form = "%H:%M" if window.cell < timedelta(hours=1) else "%-d %b %H:%M"
    begins_at = window.begins_at(now)
    return [f"{begins_at + number * window.cell:{form}}" for number in range(window.cells)]


def describe(beat: Beat) -> str:
    """Describe one cell in words."""
    if beat.succeeded == beat.received:
        return f"{beat.received:,} received"
    lost = f", {beat.not_succeeded:,} not successful" if beat.not_succeeded else ""
    held = f", {beat.postponed:,} asked to retry (429)" if beat.postponed else ""
    return f"{beat.received:,} received{lost}{held}"


def summary(beats: Sequence[Beat]) -> str:
    """Describe the bars for screen readers."""
    received = sum(beat.received for beat in beats)
    lost = sum(beat.not_succeeded for beat in beats)
    quiet = sum(not beat.received for beat in beats)
    return (
        f"{received} received, {lost} not successful, nothing in {quiet} of {len(beats)} intervals"
    )


def _svg(
    name: str,
    height: int,
    beats: Sequence[Beat],
    times: Sequence[str],
    stacks: Iterable[Pieces],
    lines: str = "",
) -> SafeString:
    cells = "".join(
        f'<path d="M{place * CELL} 0h{CELL}v{height}h-{CELL}z">'
        f"<title>{at}: {describe(beat)}</title></path>"
        for place, (beat, at) in enumerate(zip(beats, times, strict=True))
    )
    inner = (
        f'<path class="rc-chart__line" d="{lines}"/>{_drawn(stacks, height)}'
        f'<g class="rc-cells">{cells}</g>'
    )
    return format_html(
        '<svg class="{}" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" '
        'aria-label="{}">{}</svg>',
        *(name, _width(beats), height, summary(beats), mark_safe(inner)),
    )


def _width(beats: Sequence[Beat]) -> int:
    return len(beats) * CELL - GAP


def _drawn(stacks: Iterable[Pieces], bottom: float) -> str:
    paths: dict[str, list[str]] = defaultdict(list)
    width = CELL - GAP
    for place, pieces in enumerate(stacks):
        top = bottom
        for tone, height in pieces:
            if height:
                top -= height
                paths[tone].append(f"M{place * CELL} {top:.4g}h{width}v{height:.4g}h-{width}z")
    return "".join(
        f'<path class="rc-beat--{tone}" d="{"".join(bars)}"/>' for tone, bars in paths.items()
    )
