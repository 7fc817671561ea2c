"""When senders are asked to retry (429), and who is not."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.test import override_settings

from accounts.models import Gateway
from accounts.store.clock import database_now
from tests.cast import Cast
from tests.instance.running import until
from tests.webhooks.sending import Sender, lost
from webhooks.inbox.backpressure import MOST_AT_ONCE, WORKED_ON, Pressure
from webhooks.models import Delivery
from webhooks.wire.bodies import BodyRefused

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
    some_wait(cast.gateway, 4)
    refusal = refused(pressure, cast.gateway.pk)
    assert refusal is not None
    assert (refusal.status_code, refusal.retry_after) == (429, 5)
    Delivery.objects.update(state=Delivery.State.APPLIED)
    clock.seconds += 1.0
    assert refused(pressure, cast.gateway.pk) is None


@override_settings(WEBHOOK_MOST_PENDING=4)
def test_who_lets_few_wait_is_taken_until_it_is_too_much_for_everybody(
    pressure: Pressure, clock: Clock, cast: Cast
) -> None:
    some_wait(cast.gateway, 5)
    some_wait(cast.other_gateway, 1)
    assert refused(pressure, cast.gateway.pk)
    assert refused(pressure, cast.other_gateway.pk) is None
    some_wait(cast.gateway, 3)
    clock.seconds += 1.0
    assert refused(pressure, cast.other_gateway.pk)


def test_what_is_too_fast_is_not_taken_even_if_it_cannot_be_read(
    sender: Sender, cast: Cast, settings
) -> None:
    settings.WEBHOOK_MOST_PER_SECOND = 1
    statuses = [sender.send(b"{}").status_code for _ in range(8)]
    assert statuses[:2] == [400, 400] and statuses[-1] == 429
    assert Delivery.objects.count() == statuses.count(400)


def test_who_is_told_to_wait_is_told_for_how_long(sender: Sender, settings) -> None:
    settings.WEBHOOK_MOST_PER_SECOND = 1
    answers = [sender.send(lost()) for _ in range(8)]
    late = [answer for answer in answers if answer.status_code == 429]
    assert {answer["Retry-After"] for answer in late} == {"1"}
    assert Delivery.objects.count() == len(answers) - len(late)


@pytest.fixture
def queued(pressure: Pressure):
    """Let so many of a gateway in, each in a thread of its own; they stay until the end. Which of
    them have their turn."""
    over, having = threading.Event(), []

    def stay(gateway_id: int) -> None:
        with pressure.turn(gateway_id):
            having.append(gateway_id)
            over.wait(30)

    with ThreadPoolExecutor(2 * MOST_AT_ONCE) as threads:

        def let_in(number: int, gateway_id: int = 1) -> list[int]:
            for _ in range(number):
                threads.submit(stay, gateway_id)
            return having

        yield let_in
        over.set()


def test_those_of_one_gateway_wait_for_their_turn_and_for_nobody_elses(queued) -> None:
    having = queued(MOST_AT_ONCE, 1)
    until(lambda: having.count(1) == WORKED_ON)
    queued(1, 2)
    until(lambda: having.count(2) == 1)
    assert having.count(1) == WORKED_ON


def test_a_gateway_cannot_hold_every_thread(queued, pressure: Pressure) -> None:
    having = queued(MOST_AT_ONCE, 1)
    until(lambda: len(having) == WORKED_ON)
    until(lambda: bool(turned_away(pressure, 1)))
    assert turned_away(pressure, 2) is None


def turned_away(pressure: Pressure, gateway_id: int) -> BodyRefused | None:
    try:
        with pressure.turn(gateway_id, patience_seconds=0.1):
            return None
    except BodyRefused as refusal:
        assert (refusal.status_code, refusal.retry_after) == (429, 1)
        return refusal


def some_wait(gateway: Gateway, number: int) -> None:
    Delivery.objects.bulk_create(
        Delivery(gateway=gateway, event="x", received_at=database_now()) for _ in range(number)
    )
