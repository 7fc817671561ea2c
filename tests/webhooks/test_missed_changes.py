"""The missed-event ratio: which changes no webhook told us of."""

from __future__ import annotations

import pytest

from accounts.status import Source, Status
from tests.cast import Cast, make_cast, see
from webhooks.changes import count_changes
from webhooks.models import Delivery, RouteTally

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def counted(cast: Cast, span: str = "minute") -> tuple[int, int]:
    count_changes(cast.now)
    rows = RouteTally.objects.filter(gateway=cast.gateway, span=span)
    return sum(row.changes for row in rows), sum(row.changes_missed for row in rows)


def test_what_the_roll_call_saw_first_was_missed(cast: Cast) -> None:
    see(cast.alice, Status.DISCONNECTED, at=cast.now, source=Source.LIST)
    assert counted(cast) == (1, 1)
    assert counted(cast, "hour") == (1, 1)


def test_what_a_webhook_told_was_not(cast: Cast) -> None:
    see(cast.alice, Status.DISCONNECTED, at=cast.now, source=Source.WEBHOOK)
    assert counted(cast) == (1, 0)


def test_a_read_that_overtakes_the_next_webhook_missed_nothing(cast: Cast) -> None:
    see(cast.bob, Status.CONNECTED, at=cast.now, source=Source.READ)
    Delivery.objects.create(
        gateway=cast.gateway, event="session_ready", session_id="bob", received_at=cast.now
    )
    assert counted(cast) == (1, 0)


def test_becoming_blind_and_seeing_again_are_no_changes(cast: Cast) -> None:
    see(cast.alice, Status.UNKNOWN, at=cast.now, source=Source.LIST)
    see(cast.alice, Status.CONNECTED, at=cast.now, source=Source.LIST)
    assert counted(cast) == (0, 0)


def test_counting_again_changes_nothing(cast: Cast) -> None:
    see(cast.alice, Status.DISCONNECTED, at=cast.now, source=Source.LIST)
    count_changes(cast.now)
    assert counted(cast) == (1, 1)
