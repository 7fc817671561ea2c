"""When senders are told to come again, and who is not."""

from __future__ import annotations

import pytest
from django.test import override_settings

from tests.cast import Cast, make_cast
from webhooks.bodies import BodyRefused
from webhooks.models import Delivery
from webhooks.pressure import Pressure

pytestmark = pytest.mark.django_db


class Clock:
    seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pressure(clock: Clock) -> Pressure:
    return Pressure(clock)


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def refused(pressure: Pressure, gateway_id: int = 1) -> BodyRefused | None:
    try:
        pressure.admit(gateway_id)
    except BodyRefused as refusal:
        return refusal
    return None


@override_settings(WEBHOOK_MOST_PER_SECOND=10)
def test_a_gateway_may_send_a_burst_and_then_so_many_a_second(
    pressure: Pressure, clock: Clock
) -> None:
    assert not any(refused(pressure) for _ in range(20))
    refusal = refused(pressure)
    assert refusal is not None
    assert (refusal.status_code, refusal.retry_after) == (429, 1)
    clock.seconds += 0.5
    assert [bool(refused(pressure)) for _ in range(6)] == [False] * 5 + [True]


@override_settings(WEBHOOK_MOST_PER_SECOND=10)
def test_one_that_floods_costs_the_others_nothing(pressure: Pressure) -> None:
    for _ in range(1000):
        refused(pressure, 1)
    assert not any(refused(pressure, other) for other in range(2, 11))


@override_settings(WEBHOOK_MOST_PENDING=3)
def test_too_many_that_wait_are_a_reason_to_wait(
    pressure: Pressure, clock: Clock, cast: Cast
) -> None:
    for _ in range(4):
        Delivery.objects.create(gateway=cast.gateway, event="x", received_at=cast.now)
    refusal = refused(pressure)
    assert refusal is not None
    assert (refusal.status_code, refusal.retry_after) == (429, 5)
    Delivery.objects.update(state=Delivery.State.APPLIED)
    clock.seconds += 1.0
    assert refused(pressure) is None
