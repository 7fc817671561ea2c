"""Lists that take more time to read than there is."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest

from gateways.base import Session, State
from gateways.kinds import base_client
from gateways.kinds.base_client import Budget, in_turn, read_each

NAMES = [f"session-{number}" for number in range(100)]
ROLL_CALLS_SECONDS = 20


class Enough(Budget):
    """Time for so many reads, and no more."""

    def __init__(self, reads: int) -> None:
        self._reads = itertools.count(1)
        self._most = reads

    def left(self, *, at_most: float = float("inf")) -> float:
        return at_most if next(self._reads) <= self._most else 0.0


def connected(name: str, seconds: float) -> Session:
    return Session(session_id=name, state=State.CONNECTED)


def read_at(moment: float, *, reads: int, monkeypatch) -> set[str]:
    monkeypatch.setattr(base_client, "time", SimpleNamespace(time=lambda: moment))
    listing = read_each(NAMES, connected, budget=Enough(reads))
    assert listing.complete is (reads >= len(NAMES))
    told = [session.session_id for session in listing.sessions]
    assert told == [name for name in NAMES if name in told]  # in the gateway's own order
    return set(told)


@pytest.mark.parametrize("began", [0.0, 7.3, 19.9, 33.0, 1_700_000_011.5])
def test_what_there_was_no_time_for_is_read_by_the_next_roll_call(began, monkeypatch):
    first = read_at(began, reads=60, monkeypatch=monkeypatch)
    second = read_at(began + ROLL_CALLS_SECONDS, reads=60, monkeypatch=monkeypatch)

    assert len(first) == len(second) == 60
    assert first | second == set(NAMES)


def test_a_roll_call_a_few_seconds_late_leaves_nothing_out_either(monkeypatch):
    first = read_at(3.0, reads=65, monkeypatch=monkeypatch)
    late = read_at(3.0 + ROLL_CALLS_SECONDS + 4, reads=65, monkeypatch=monkeypatch)
    assert first | late == set(NAMES)


def test_where_there_is_time_all_are_read_wherever_it_begins(monkeypatch):
    assert read_at(31.0, reads=100, monkeypatch=monkeypatch) == set(NAMES)


@pytest.mark.parametrize("names", [[], ["alone"], ["one", "two", "three"]])
def test_a_short_list_is_read_whole(names):
    assert sorted(in_turn(names, 39.99)) == sorted(names)
