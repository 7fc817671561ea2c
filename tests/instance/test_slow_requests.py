"""Who gets a place among the requests that come slowly, and who gives way."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from instance.processes.slow_requests import (
    FAST_BYTES_PER_SECOND,
    GRACE_SECONDS,
    SETTLED_SECONDS,
    SHORT_GRACE_SECONDS,
    SlowRequests,
)
from webhooks.wire.bodies import Crowded

NOW = 1000.0
OLD = NOW - SETTLED_SECONDS - 1
FAST = FAST_BYTES_PER_SECOND * 10


@dataclass(eq=False)
class Request:
    sender: str = "192.0.2.1"
    began: float = NOW
    received_bytes: int = 0
    has_given_way: bool = False

    def give_way(self) -> None:
        self.has_given_way = True


def a_dripper(sender: str = "192.0.2.1", received_bytes: int = 10) -> Request:
    return Request(sender, OLD, received_bytes)


def a_fast_one(sender: str = "192.0.2.1") -> Request:
    return Request(sender, OLD, FAST)


@pytest.fixture
def places() -> SlowRequests:
    return SlowRequests(at_once=4, of_one_sender=2, clock=lambda: NOW)


def test_one_sender_takes_no_more_than_his_share(places) -> None:
    for request in (Request(), Request()):
        places.enter(request)
    with pytest.raises(Crowded):
        places.enter(Request())
    places.enter(Request("192.0.2.2"))


def test_all_together_take_no_more_than_there_are(places) -> None:
    for number in range(4):
        places.enter(Request(f"192.0.2.{number}"))
    with pytest.raises(Crowded):
        places.enter(Request("192.0.2.9"))


@pytest.mark.parametrize(
    ("there", "gives_way"),
    [
        ([a_dripper(received_bytes=10), a_dripper(received_bytes=11)], 0),
        ([a_fast_one(), a_dripper()], 1),
        ([Request(), a_dripper()], 1),
        ([a_fast_one(), a_fast_one()], None),
        ([Request(), Request()], None),
    ],
    ids=["the slowest", "not a fast one", "not a new one", "no fast one", "no new one"],
)
def test_where_none_is_left_the_slowest_gives_way(places, there, gives_way) -> None:
    there = [Request(one.sender, one.began, one.received_bytes) for one in there]
    for request in there:
        places.enter(request)
    if gives_way is None:
        with pytest.raises(Crowded):
            places.enter(Request())
    else:
        places.enter(Request())
    assert [one.has_given_way for one in there] == [
        number == gives_way for number in range(len(there))
    ]


def test_strangers_of_many_addresses_make_way_for_anybody(places) -> None:
    drippers = [a_dripper(f"192.0.2.{number}") for number in range(4)]
    for request in drippers:
        places.enter(request)
    places.enter(Request("192.0.2.9"))
    assert sum(one.has_given_way for one in drippers) == 1


def test_a_place_that_is_given_back_is_free_and_giving_back_twice_is_harmless(places) -> None:
    first, second = Request(), Request()
    places.enter(first)
    places.enter(second)
    places.leave(first)
    places.leave(first)
    places.enter(Request())


def test_a_sender_without_a_place_left_is_waited_for_less(places) -> None:
    assert places.grace_seconds("192.0.2.1") == GRACE_SECONDS
    places.enter(Request())
    places.enter(Request())
    assert places.grace_seconds("192.0.2.1") == SHORT_GRACE_SECONDS
    assert places.grace_seconds("192.0.2.2") == GRACE_SECONDS
