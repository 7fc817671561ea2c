"""Limits on starts at once and on repeated starts: pure, for every queue and every clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.repair.limits import (
    Load,
    Place,
    StartLimits,
    account_wait,
    customer_wait,
    has_room,
    place,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LIMITS = StartLimits(
    in_flight_per_gateway=2,
    in_flight_in_fleet=40,
    account_every=timedelta(seconds=60),
    customer_per_hour=6,
    gap_after_mass_event=timedelta(seconds=5),
)


def a_load(**fields) -> Load:
    quiet = {
        "in_flight": 0,
        "in_fleet": 0,
        "last_start_at": None,
        "after_mass_event": False,
        "typical_seconds": 20,
    }
    return Load(**quiet | fields)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


@given(st.integers(0, 5), st.integers(0, 50))
def test_there_is_room_for_a_third_start_neither_here_nor_for_one_too_many_in_the_fleet(here, all_):
    room = has_room(a_load(in_flight=here, in_fleet=all_), LIMITS, NOW)
    assert room == (here < 2 and all_ < 40)


@pytest.mark.parametrize(("seconds", "room"), [(0, False), (4.9, False), (5, True), (-1, True)])
def test_after_a_mass_event_five_seconds_pass_between_two_starts(seconds, room):
    """A start in the future was recorded before the clock was set back."""
    busy = a_load(last_start_at=ago(seconds), after_mass_event=True)
    assert has_room(busy, LIMITS, NOW) is room


def test_otherwise_a_start_follows_the_other_at_once():
    assert has_room(a_load(last_start_at=ago(0)), LIMITS, NOW)


@given(st.integers(-1000, 1000))
def test_an_account_waits_a_minute_after_its_start_and_never_longer(seconds):
    wait = account_wait(ago(seconds), LIMITS, NOW).total_seconds()
    assert 0 <= wait <= 60
    assert (wait > 0) == (0 <= seconds < 60)


@given(st.lists(st.integers(0, 3599), max_size=10))
def test_a_customer_has_six_starts_in_any_hour(ages):
    wait = customer_wait([ago(seconds) for seconds in ages], LIMITS, NOW)
    assert (wait > timedelta(0)) == (len(ages) >= 6)
    still_within = [seconds for seconds in ages if seconds + wait.total_seconds() < 3600]
    assert len(still_within) < 6


@given(st.integers(0, 200), st.integers(0, 2))
def test_who_comes_later_is_told_no_shorter_wait(before, in_flight):
    load = a_load(in_flight=in_flight)
    none = timedelta(0)
    one, next_one = (
        place(number, load, LIMITS, NOW, account_waits=none) for number in (before, before + 1)
    )
    assert one.about_seconds <= next_one.about_seconds


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (Place(before=2, about_seconds=40), "2 before you, about 40 s"),
        (Place(before=0, about_seconds=0), "next in line"),
        (Place(before=0, about_seconds=20), "next in line, about 20 s"),
        (Place(before=30, about_seconds=300), "30 before you, about 5 min"),
    ],
)
def test_a_place_is_said_as_a_person_says_it(told, words):
    assert str(told) == words


def test_two_before_and_two_under_way_are_two_rounds():
    at = place(2, a_load(in_flight=2), LIMITS, NOW, account_waits=timedelta(0))
    assert str(at) == "2 before you, about 40 s"


def test_after_a_mass_event_the_gaps_count():
    load = a_load(in_flight=0, after_mass_event=True, typical_seconds=1, last_start_at=ago(1))
    at = place(100, load, LIMITS, NOW, account_waits=timedelta(0))
    assert at.about_seconds == 505
