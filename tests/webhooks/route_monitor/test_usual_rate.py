"""What a gateway sends even when it sends little."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from accounts.models import Gateway
from tests.cast import a_gateway
from webhooks.models import Route, RouteTally
from webhooks.route_monitor.usual_rate import usual_per_hour

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
NOW = datetime(2026, 11, 24, 14, 30, tzinfo=UTC)


@pytest.fixture
def gateway() -> Gateway:
    gateway = a_gateway("whatsapp-1")
    heard(gateway, NOW)
    return gateway


def heard(gateway: Gateway, at: datetime) -> None:
    Route.objects.update_or_create(gateway=gateway, defaults={"last_received_at": at})


def sent(gateway: Gateway, received: int, *hours_ago: int) -> None:
    this_hour = NOW.replace(minute=0)
    RouteTally.objects.bulk_create(
        RouteTally(
            gateway=gateway, span="hour", began_at=this_hour - hours * HOUR, received=received
        )
        for hours in hours_ago
    )


def test_it_is_the_least_of_the_last_hours(gateway: Gateway) -> None:
    sent(gateway, 500, 2, 3, 4)
    sent(gateway, 120, 1)
    assert usual_per_hour(NOW) == {gateway.pk: 120}


def test_two_hours_are_no_habit(gateway: Gateway) -> None:
    sent(gateway, 500, 1, 2)
    assert usual_per_hour(NOW) == {gateway.pk: 0}


def test_an_hour_in_which_nothing_came_may_come_again(gateway: Gateway) -> None:
    sent(gateway, 500, 1, 2, 4, 5)
    assert usual_per_hour(NOW) == {gateway.pk: 0}


def test_a_quiet_night_is_no_reason_to_expect_nothing_by_day(gateway: Gateway) -> None:
    sent(gateway, 500, 1, 2, *(24 * days for days in (1, 2, 3)))
    assert usual_per_hour(NOW) == {gateway.pk: 500}


def test_a_weekend_counts_too(gateway: Gateway) -> None:
    sent(gateway, 500, 1, 2, *(24 * days for days in (1, 2, 5)))
    assert usual_per_hour(NOW) == {gateway.pk: 0}


def test_its_silence_does_not_become_its_habit(gateway: Gateway) -> None:
    heard(gateway, NOW - 5 * HOUR)
    sent(gateway, 4, *range(6, 20))
    assert usual_per_hour(NOW) == {gateway.pk: 4}
