"""Beats and charts as small SVGs: one path for each colour, however many cells."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from dashboard.route_figures import Beat

CELL, GAP, BEAT_HEIGHT = 5, 1, 20
CHART_HEIGHT = 120


def heartbeat(beats: Sequence[Beat]) -> SafeString:
    """One bar a cell: nothing came, all well, some failed, all failed."""
    paths: dict[str, list[str]] = defaultdict(list)
    for place, beat in enumerate(beats):
        tone = tone_of(beat)
        height = 5 if tone == "none" else BEAT_HEIGHT
        top = BEAT_HEIGHT - height
        paths[tone].append(f"M{place * CELL} {top}h{CELL - GAP}v{height}h-{CELL - GAP}z")
    return _svg("rc-beats", len(beats) * CELL - GAP, BEAT_HEIGHT, summary(beats), _drawn(paths))


def chart(beats: Sequence[Beat]) -> SafeString:
    """Received by cell, what did not succeed on top of it in its own colour."""
    most = max((beat.received for beat in beats), default=0) or 1
    paths: dict[str, list[str]] = defaultdict(list)
    for place, beat in enumerate(beats):
        good = beat.received - beat.not_succeeded
        below = CHART_HEIGHT * good / most
        above = CHART_HEIGHT * beat.not_succeeded / most
        x = place * CELL
        if good:
            paths["good"].append(_bar(x, CHART_HEIGHT - below, below))
        if beat.not_succeeded:
            paths["bad"].append(_bar(x, CHART_HEIGHT - below - above, above))
    return _svg("rc-chart", len(beats) * CELL - GAP, CHART_HEIGHT, summary(beats), _drawn(paths))


def tone_of(beat: Beat) -> str:
    if not beat.received:
        return "none"
    if not beat.not_succeeded:
        return "good"
    return "mixed" if beat.succeeded else "bad"


def summary(beats: Sequence[Beat]) -> str:
    """For those who see no picture."""
    received = sum(beat.received for beat in beats)
    lost = sum(beat.not_succeeded for beat in beats)
    quiet = sum(not beat.received for beat in beats)
    return (
        f"{received} received, {lost} not successful, nothing in {quiet} of {len(beats)} intervals"
    )


def marks(beats: Sequence[Beat], now: datetime) -> list[str]:
    """The times below a chart: first, middle, last."""
    if not beats:
        return []
    is_long = (now - beats[0].began_at).days >= 2
    form = "%d %b %H:%M" if is_long else "%H:%M"
    return [f"{beats[place].began_at:{form}}" for place in (0, len(beats) // 2)] + ["now"]


def _bar(x: float, top: float, height: float) -> str:
    return f"M{x} {top:.1f}h{CELL - GAP}v{height:.1f}h-{CELL - GAP}z"


def _drawn(paths: dict[str, list[str]]) -> SafeString:
    return format_html_join(
        "",
        '<path class="rc-beat--{}" d="{}"/>',
        ((tone, "".join(ds)) for tone, ds in paths.items()),
    )


def _svg(name: str, width: int, height: int, title: str, inner: SafeString) -> SafeString:
    return format_html(
        '<svg class="{}" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img">'
        "<title>{}</title>{}</svg>",
        *(name, width, height, title, inner),
    )
