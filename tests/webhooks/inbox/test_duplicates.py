"""Events that come twice."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.cast import Cast, make_cast
from webhooks.inbox.duplicates import (
    IDS_KEPT,
    is_probable_retry,
    is_repeat,
    newest_of,
    prune_event_ids,
)
from webhooks.models import Delivery, EventId

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def test_an_id_is_known_the_second_time_and_counted(cast: Cast) -> None:
    seen = [is_repeat(cast.gateway.pk, "evt_1", cast.now) for _ in range(3)]
    assert seen == [False, True, True]
    assert EventId.objects.get().repeats == 2


def test_another_gateway_may_use_the_same_id(cast: Cast) -> None:
    is_repeat(cast.gateway.pk, "evt_1", cast.now)
    assert not is_repeat(cast.other_gateway.pk, "evt_1", cast.now)


def test_an_id_of_ten_kilobytes_is_known_too(cast: Cast) -> None:
    long, other = "x" * 10_240, "x" * 10_239 + "y"
    assert not is_repeat(cast.gateway.pk, long, cast.now)
    assert not is_repeat(cast.gateway.pk, other, cast.now)
    assert is_repeat(cast.gateway.pk, long, cast.now)


def test_ids_are_forgotten_after_seven_days(cast: Cast) -> None:
    is_repeat(cast.gateway.pk, "old", cast.now - IDS_KEPT - timedelta(minutes=1))
    is_repeat(cast.gateway.pk, "young", cast.now - IDS_KEPT + timedelta(minutes=1))
    assert prune_event_ids() == 1
    assert EventId.objects.get().event_id == "young"


def received(cast: Cast, digest: str, seconds_ago: float) -> None:
    Delivery.objects.create(
        gateway=cast.gateway,
        event="session_ready",
        session_id="alice",
        digest=digest,
        received_at=cast.ago(seconds_ago),
    )


def is_retry(cast: Cast, session_id: str, digest: str, at: datetime) -> bool:
    session = cast.gateway.pk, session_id
    return is_probable_retry(newest_of([session]).get(session), digest, at)


def test_the_same_body_a_moment_later_is_probably_a_retry(cast: Cast) -> None:
    received(cast, "a", 17)
    assert is_retry(cast, "alice", "a", cast.now)
    assert not is_retry(cast, "alice", "b", cast.now)
    assert not is_retry(cast, "bob", "a", cast.now)


def test_after_a_minute_or_after_something_else_it_is_news(cast: Cast) -> None:
    received(cast, "a", 61)
    assert not is_retry(cast, "alice", "a", cast.now)
    received(cast, "a", 3)
    received(cast, "b", 1)
    assert not is_retry(cast, "alice", "a", cast.now)
