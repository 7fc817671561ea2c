"""Backoff grows up to its limit, and jitter spreads it."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from accounts.words.durations import backoff

SECOND = timedelta(seconds=1)


def waits(*failed: int, chance: float = 1.0, least: float = 0.5) -> list[float]:
    return [
        backoff(each, chance=chance, first=SECOND, longest=60 * SECOND, least=least) / SECOND
        for each in failed
    ]


def test_it_doubles_up_to_its_limit():
    assert waits(1, 2, 3, 6, 7, 1000) == [1, 2, 4, 32, 60, 60]


def test_full_jitter_may_wait_for_nothing_at_all():
    assert waits(1, 7, chance=0, least=0) == [0, 0]


@given(failed=st.integers(min_value=0, max_value=10**6), growth=st.floats(1, 10))
def test_however_often_it_failed_the_wait_ends(failed, growth):
    wait = backoff(failed, chance=1, first=SECOND * 5, longest=SECOND * 900, growth=growth)

    assert wait <= SECOND * 900


@given(failed=st.integers(min_value=0, max_value=10**6), chance=st.floats(0, 1))
def test_it_lies_between_half_of_the_limit_and_all_of_it(failed, chance):
    [limit], [wait] = waits(failed), waits(failed, chance=chance)

    assert limit / 2 <= wait + 1e-6 and wait <= limit
