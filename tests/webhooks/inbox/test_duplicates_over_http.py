"""What comes twice, as a gateway sends it: one with an id is taken once, one without always."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import OperationalError, connection

from tests.cast import story
from tests.webhooks.sending import event, lost
from tests.webhooks.speaking import SECRET, a_gateway_of, post, waha_body, waha_headers
from webhooks.inbox import receive
from webhooks.models import Delivery, EventId, RouteTally
from webhooks.route_monitor.tallies import flush_tallies

THREADS = 8


@pytest.fixture
def gateway(cast):
    return a_gateway_of(cast, "waha", hmac=SECRET)


def send(secret: str = SECRET, **fields) -> str:
    body = waha_body(**fields)
    answer = post("waha", body, **waha_headers(body, secret=secret))
    return answer.json()["state"] if answer.status_code == 200 else str(answer.status_code)


def counted(gateway, name: str) -> int:
    flush_tallies()
    [number] = RouteTally.objects.filter(gateway=gateway, span="ever").values_list(name, flat=True)
    return number


def test_an_event_with_an_id_is_taken_once_and_its_repeats_are_counted(gateway) -> None:
    assert [send(event_id="evt_1") for _ in range(3)] == ["applied", "repeated", "repeated"]
    assert Delivery.objects.count() == 1
    assert EventId.objects.get().repeats == 2
    assert (counted(gateway, "received"), counted(gateway, "repeated")) == (3, 2)


def test_a_repeat_is_no_failure_of_the_route(gateway) -> None:
    send(event_id="evt_1")
    send(event_id="evt_1")
    assert counted(gateway, "succeeded") == 2


def test_two_gateways_may_use_the_same_id(cast, gateway) -> None:
    a_gateway_of(cast, "waha", name="waha-2", hmac="another secret")
    assert send(event_id="evt_1") == "applied"
    assert send("another secret", event_id="evt_1", session="nobody's") == "ignored"
    assert Delivery.objects.count() == 2


@pytest.mark.parametrize("last", ["x", "y"])
def test_an_id_of_ten_kilobytes_is_an_id(gateway, last) -> None:
    assert send(event_id="x" * 10_240) == "applied"
    assert send(event_id="x" * 10_239 + last) == ("repeated" if last == "x" else "applied")


def test_what_could_not_be_committed_is_no_repeat_when_it_comes_again(gateway, monkeypatch) -> None:
    def fail(*args, **kwargs) -> None:
        raise OperationalError("gone")

    with monkeypatch.context() as broken:
        broken.setattr(receive, "_settle", fail)
        assert send(event_id="evt_1") == "503"
    assert send(event_id="evt_1") == "applied"


@pytest.mark.django_db(transaction=True)
def test_of_eight_at_once_one_is_taken(transactional_db, gateway) -> None:
    def once(_: int) -> str:
        try:
            return send(event_id="evt_1")
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as senders:
        states = sorted(senders.map(once, range(THREADS)))
    assert states == ["applied"] + ["repeated"] * (THREADS - 1)
    assert (Delivery.objects.count(), EventId.objects.get().repeats) == (1, THREADS - 1)


def test_two_genuine_logins_that_look_alike_are_both_applied(cast, sender, at) -> None:
    said = event("session_ready", phone_number=cast.alice.phone_number)
    for seconds in (0, 17):
        at(cast.now + timedelta(seconds=seconds))
        assert sender.send(said).json()["state"] == "applied"
    retries = list(Delivery.objects.order_by("id").values_list("is_probable_retry", flat=True))
    assert retries == [False, True]
    assert counted(cast.gateway, "retried") == 1


def test_lost_and_back_and_lost_again_within_five_seconds_ends_lost(cast, sender, at) -> None:
    back = event("session_ready", phone_number=cast.alice.phone_number)
    for seconds, said in enumerate((lost(), back, lost())):
        at(cast.now + timedelta(seconds=2 * seconds))
        assert sender.send(said).json()["state"] == "applied"
    cast.alice.refresh_from_db()
    assert cast.alice.status == "disconnected"
    assert [became for _, became in story(cast.alice)] == [
        *("disconnected", "connected", "disconnected")
    ]
