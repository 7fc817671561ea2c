"""Unusual silence: an earlier check for busy accounts, and never a storm of checks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.state.activity import GAP_MOST_SECONDS, SignOfLife, record_life
from accounts.words.durations import (
    NEXT_LOOK_SQL,
    UNUSUAL_LEAST,
    UNUSUAL_MOST,
    next_look_at,
    unusual_after,
)

NOON = datetime(2025, 11, 16, 12, tzinfo=UTC)
GAPS = st.none() | st.floats(0, 1e7)


@given(GAPS)
def test_it_is_never_unusual_within_minutes_and_always_after_a_day(gap):
    assert UNUSUAL_LEAST <= unusual_after(gap) <= UNUSUAL_MOST


@given(GAPS, st.integers(0, 10**6))
def test_the_next_look_is_always_ahead_of_the_last(gap, seconds):
    looked = NOON + timedelta(seconds=seconds)
    assert next_look_at(NOON, gap, looked) > looked


@given(st.floats(0, 3600))
def test_a_silent_night_costs_a_handful_of_looks(gap):
    looks, looked = 0, None
    while (looked := next_look_at(NOON, gap, looked)) < NOON + timedelta(hours=10):
        looks += 1
    assert looks <= 6


def test_who_speaks_every_minute_is_looked_at_after_ten():
    assert next_look_at(NOON, 60, None) == NOON + timedelta(minutes=10)


def test_who_speaks_once_a_day_is_left_alone_for_a_day():
    assert next_look_at(NOON, 86_400, None) == NOON + timedelta(hours=24)


@pytest.mark.django_db
@settings(max_examples=100)
@given(st.none() | st.floats(1, 1e5), st.none() | st.integers(-5000, 500_000))
def test_rows_are_judged_by_the_same_rule(gap, looked_after):
    looked = None if looked_after is None else NOON + timedelta(seconds=looked_after + 0.5)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {NEXT_LOOK_SQL} FROM (VALUES (%s::timestamptz, %s::float8, %s::timestamptz))"
            " row(sign, usual_gap_seconds, looked)",
            [NOON, gap, looked],
        )
        [found] = cursor.fetchone()
    assert abs(found - next_look_at(NOON, gap, looked)) < timedelta(milliseconds=1)


# --- learning it --------------------------------------------------------------------------------
def speaks(cast, seconds_ago: float) -> float | None:
    sign = SignOfLife(
        gateway_id=cast.gateway.pk,
        session_id="alice",
        seen_at=cast.ago(seconds_ago),
        is_proof=True,
        what="message",
    )
    record_life([sign])
    cast.alice.refresh_from_db()
    return cast.alice.usual_gap_seconds


def test_the_first_gap_is_what_is_usual(cast):
    assert speaks(cast, 1000) is None
    assert speaks(cast, 900) == pytest.approx(100)


def test_later_gaps_move_it_a_little(cast):
    for ago in (1000, 900):
        speaks(cast, ago)
    assert speaks(cast, 700) == pytest.approx(110)


def test_messages_in_one_breath_say_nothing_of_the_habit(cast):
    for ago in (1000, 900):
        speaks(cast, ago)
    assert speaks(cast, 898) == pytest.approx(100)


def test_it_is_never_more_than_a_day(cast):
    for ago in (90 * 86_400, 60 * 86_400, 10):
        speaks(cast, ago)
    assert cast.alice.usual_gap_seconds == pytest.approx(GAP_MOST_SECONDS)


def test_one_that_arrives_late_changes_nothing(cast):
    for ago in (1000, 900):
        speaks(cast, ago)
    assert speaks(cast, 950) == pytest.approx(100)
    assert cast.alice.last_activity_at == cast.ago(900)
