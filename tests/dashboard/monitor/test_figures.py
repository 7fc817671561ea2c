"""Figures of a span, and the pictures that are made of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from accounts.store.clock import database_now
from dashboard.monitor.charts import (
    chart,
    describe,
    heartbeat,
    marks,
    round_limit,
    summary,
    times_of,
)
from dashboard.monitor.figures import (
    WINDOWS,
    Beat,
    PeriodFigures,
    beats_of,
    beats_together,
    figures_of,
    figures_of_all,
)
from dashboard.monitor.wording import missed_tone, percent, rate, within
from tests.cast import a_gateway
from tests.dashboard.monitor.routes_cast import NOTHING, a_tally
from webhooks.route_monitor.request_log import LIMITS_MS

NOON = datetime(2026, 1, 20, 12, 4, 30, tzinfo=UTC)
QUIET = Beat(began_at=NOON)
WELL = Beat(began_at=NOON, received=3, succeeded=3)
MIXED = Beat(began_at=NOON, received=300, succeeded=299, not_succeeded=1)
LOST = Beat(began_at=NOON, received=3, not_succeeded=3)
HELD = Beat(began_at=NOON, received=3)


def drawn(*beats: Beat) -> str:
    return heartbeat(beats, ["12:04"] * len(beats))


@pytest.mark.django_db
@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)
def test_figures_and_beats_of_a_span_agree(window):
    now, gateway, other = database_now(), a_gateway("whatsapp-1"), a_gateway("whatsapp-2")
    a_tally(gateway, now, received=10, succeeded=7, failed=2, refused=1, changes=4)
    a_tally(gateway, now - window.length - timedelta(hours=2), received=99)
    a_tally(other, now, received=30, succeeded=30)
    a_tally(None, now, received=500, refused=500)
    figures = figures_of(window, now, [gateway.pk])[gateway.pk]
    beats = beats_of(window, now, [gateway.pk])[gateway.pk]
    assert figures.received == sum(beat.received for beat in beats) == 10
    assert figures.success_percent == 70 and figures.missed_percent == 0
    assert figures_of_all(window, now)[gateway.pk].received == 10
    assert len(beats) == window.cells
    assert (beats[-1].received, beats[-1].succeeded, beats[-1].not_succeeded) == (10, 7, 3)
    assert beats_together(window, now, [gateway.pk, other.pk])[-1].received == 40


@pytest.mark.django_db
def test_latency_is_read_from_the_histogram():
    now, gateway, quiet = database_now(), a_gateway("whatsapp-1"), a_gateway("whatsapp-2")
    handling = [*NOTHING]
    handling[1], handling[6] = 98, 2
    a_tally(gateway, now, received=100, handling=handling)
    a_tally(quiet, now, changes=2, handling=[], lag=[])
    found = figures_of(WINDOWS["1h"], now, [gateway.pk, quiet.pk])
    assert found[gateway.pk].handled_within_ms(50) == LIMITS_MS[1]
    assert found[gateway.pk].handled_within_ms(99) == LIMITS_MS[6]
    assert found[quiet.pk].handled_within_ms(50) is None and found[quiet.pk].changes == 2


def test_trouble_sticks_out_for_those_who_see_no_colours():
    bottom = 'd="M0 8h4v12h-4z"'
    assert f'rc-beat--good" {bottom}' in drawn(WELL)
    assert 'rc-beat--bad" d="M0 0h4v20h-4z"' in drawn(LOST)
    assert 'rc-beat--none" d="M0 17h4v3h-4z"' in drawn(QUIET)
    assert 'rc-beat--held" d="M0 0h4v20h-4z"' in drawn(HELD)


def test_one_failure_among_hundreds_is_seen():
    assert 'rc-beat--bad" d="M0 0h4v6h-4z"' in drawn(MIXED)


def test_each_bar_says_what_it_stands_for():
    assert "<title>12:04: 300 received, 1 not successful</title>" in drawn(MIXED)
    assert describe(HELD) == "3 received, 3 asked to retry (429)"
    assert describe(QUIET) == "0 received"


def test_a_picture_has_words_for_those_who_see_none():
    assert summary([QUIET, WELL, MIXED, LOST]) == (
        "306 received, 4 not successful, nothing in 1 of 4 intervals"
    )
    assert 'aria-label="3 received, 0 not successful, nothing in 0 of 1' in drawn(WELL)


@pytest.mark.parametrize(
    ("most", "limit"),
    [(0, 1), (1, 1), (2, 2), (3, 4), (7, 8), (9, 10), (11, 12), (13, 16), (101, 120), (3450, 4000)],
)
def test_a_scale_ends_a_little_above_and_can_be_halved(most, limit):
    assert round_limit(most) == limit


def test_the_bars_of_a_chart_fit_its_scale():
    window = WINDOWS["1h"]
    beats = [WELL, Beat(began_at=NOON, received=10, succeeded=5, not_succeeded=5)]
    drawing = chart(beats * 30, window, NOON)
    assert drawing.scale == [10, 5, 0]
    assert "M5 60h4v60h-4z" in drawing.svg and "M5 0h4v60h-4z" in drawing.svg


@pytest.mark.parametrize(
    ("window", "times"),
    [
        ("1h", ["11:15", "11:30", "11:45"]),
        ("24h", ["18:00", "00:00", "06:00"]),
        ("7d", ["15 Jan", "17 Jan", "19 Jan"]),
    ],
)
def test_a_chart_is_marked_at_round_times(window, times):
    found = marks(WINDOWS[window], NOON)
    assert [time for _, time in found] == times
    assert all(0 <= place < 90 for place, _ in found)


def test_a_mark_stands_where_its_cell_begins():
    window = WINDOWS["24h"]
    for place, time in marks(window, NOON):
        assert times_of(window, NOON)[round(place / 100 * window.cells)].endswith(time)


@pytest.mark.parametrize(
    ("received", "window", "words"),
    [
        (0, "1h", ""),
        (3, "1h", "3.0 / h"),
        (90, "1h", "1.5 / min"),
        (7200, "1h", "2.0 / s"),
        (3, "24h", "3.0 / d"),
        (10_080_000, "7d", "17 / s"),
    ],
)
def test_a_rate_is_said_in_a_unit_that_can_be_read(received, window, words):
    assert rate(received, WINDOWS[window]) == words


def test_a_percentage_never_hides_what_there_was():
    said = [percent(value) for value in (None, 100, 99.999, 99.4, 50, 0.001, 0)]
    assert said == ["–", "100 %", "99.9 %", "99.4 %", "50 %", "0.1 %", "0 %"]


def test_limits_are_said_in_one_unit():
    assert within((5, 25, 500)) == "5 · 25 · 500 ms"
    assert within((500, 2500, 30_000)) == "0.5 · 2.5 · 30 s"
    assert within((None, None, None)) == "–"


@pytest.mark.parametrize(
    ("missed", "changes", "tone"),
    [(0, 0, ""), (1, 1, ""), (3, 3, "bad"), (2, 4, "warn"), (1, 4, "")],
)
def test_a_route_is_dead_only_when_enough_changes_say_so(missed, changes, tone):
    assert missed_tone(PeriodFigures(changes=changes, changes_missed=missed)) == tone
