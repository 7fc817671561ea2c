"""The missed-event ratio: which changes no webhook told us of."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.models import Account
from accounts.words.status import Source, Status
from tests.cast import Cast, make_cast, see
from webhooks.models import Delivery, RouteTally
from webhooks.route_monitor.missed_changes import count_changes

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    cast = make_cast()
    Account.objects.update(created_at=cast.ago(3600))
    return cast


def counted(cast: Cast, span: str = "minute", *, seconds: float = 20) -> tuple[int, int]:
    """Return the counts as of this many seconds later."""
    count_changes(cast.now + timedelta(seconds=seconds))
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
    counted(cast)
    assert counted(cast) == (1, 1)


def test_for_fifteen_seconds_its_webhook_may_be_on_its_way(cast: Cast) -> None:
    see(cast.alice, Status.DISCONNECTED, at=cast.now, source=Source.LIST)
    assert counted(cast, seconds=10) == (1, 0)


def test_the_first_look_at_a_number_is_no_change(cast: Cast) -> None:
    dora = cast.an_account("dora", Status.PENDING, created_at=cast.ago(3600))
    see(dora, Status.CONNECTED, at=cast.now, source=Source.LIST)
    Account.objects.filter(pk=cast.alice.pk).update(created_at=cast.ago(5))
    see(cast.alice, Status.DISCONNECTED, at=cast.now, source=Source.READ)
    assert counted(cast) == (0, 0)


def test_a_session_on_its_way_is_told_of_by_nobody(cast: Cast) -> None:
    see(cast.alice, Status.CONNECTING, at=cast.now, source=Source.LIST)
    assert counted(cast) == (0, 0)
