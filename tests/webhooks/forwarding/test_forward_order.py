"""Forwards of a gateway arrive in their order, and no backend holds up another's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.cast import Cast, a_gateway, make_cast
from tests.webhooks.forwarding.backends import FakeBackend, a_backend
from webhooks.forwarding import rows, sender
from webhooks.forwarding.rows import ATTEMPTS_THAT_HOLD_OTHERS, Handed, keep_forward
from webhooks.forwarding.sender import claim, send_forwards
from webhooks.models import Delivery, Forward

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nobody_rings(monkeypatch) -> None:
    monkeypatch.setattr("webhooks.forwarding.rows.enqueue_task", lambda task: None)


@pytest.fixture
def backend() -> Iterator[FakeBackend]:
    with a_backend() as backend:
        yield backend


@pytest.fixture
def cast(backend: FakeBackend) -> Cast:
    cast = make_cast()
    cast.gateway.forward_url = backend.url
    cast.gateway.save()
    return cast


def forwarded(cast: Cast, body: bytes, *, gateway=None) -> Forward:
    delivery = Delivery.objects.create(
        gateway=gateway or cast.gateway, event="session_ready", received_at=cast.ago(1)
    )
    keep_forward(delivery, Handed(body=body, headers={}))
    return delivery.forward


def due(cast: Cast, *forwards: Forward) -> None:
    pks = [forward.pk for forward in forwards]
    Forward.objects.filter(pk__in=pks).update(next_attempt_at=cast.ago(1))


def bodies(backend: FakeBackend) -> list[bytes]:
    return [arrived.beginning for arrived in backend.arrived]


def test_nobody_overtakes_one_that_waits_for_a_backend_that_is_away(cast, backend) -> None:
    backend.status = 503
    first, _ = forwarded(cast, b"1"), forwarded(cast, b"2")
    assert send_forwards() == 1
    backend.status = 200
    assert send_forwards() == 0
    due(cast, first)
    assert send_forwards() == 2
    assert bodies(backend) == [b"1", b"1", b"2"]


def test_one_that_the_backend_cannot_digest_is_overtaken(cast, backend) -> None:
    backend.status = 422
    first = forwarded(cast, b"1")
    send_forwards()
    backend.status = 200
    forwarded(cast, b"2")
    assert send_forwards() == 1
    assert bodies(backend) == [b"1", b"2"]
    due(cast, first)
    assert send_forwards() == 1


def test_one_that_makes_the_backend_fall_over_is_overtaken_after_an_hour(cast, backend) -> None:
    backend.status = 503
    first, _ = forwarded(cast, b"1"), forwarded(cast, b"2")
    Forward.objects.filter(pk=first.pk).update(attempts=ATTEMPTS_THAT_HOLD_OTHERS - 1)
    assert send_forwards() == 2
    assert set(Forward.objects.values_list("is_set_aside", flat=True)) == {True, False}


def test_a_backend_that_hangs_holds_up_no_other(cast, backend, monkeypatch) -> None:
    # It answers only when the others have all arrived, and is not tried again in this sweep.
    monkeypatch.setattr(sender, "DEADLINE_SECONDS", 60.0)
    monkeypatch.setattr(rows, "FIRST_PAUSE", rows.LONGEST_PAUSE)
    with a_backend() as hangs:
        hangs.status = 503
        hangs.gate.clear()
        backend.full_at, backend.when_full = 20, hangs.gate.set
        slow = a_gateway("slow", base_url="http://slow:3001", forward_url=hangs.url)
        for number in range(3):
            forwarded(cast, b"slow %d" % number, gateway=slow)
        for number in range(20):
            forwarded(cast, b"%d" % number)
        assert send_forwards() == 21
    assert bodies(backend) == [b"%d" % number for number in range(20)]
    left = Forward.objects.order_by("pk").values_list("attempts", "error")
    assert list(left) == [(1, "the backend answered 503"), (0, ""), (0, "")]


def test_one_gateway_is_served_by_one_thread(cast) -> None:
    forwarded(cast, b"1")
    forwarded(cast, b"2")
    assert claim([cast.gateway.pk]) is None
    assert claim() is not None and claim() is None


def test_one_whose_sender_died_is_due_again_by_itself(cast, backend) -> None:
    forward = forwarded(cast, b"1")
    assert claim() is not None
    forward.refresh_from_db()
    claimed_for = forward.next_attempt_at - cast.now
    assert timedelta(seconds=sender.DEADLINE_SECONDS) < claimed_for < timedelta(seconds=60)
    due(cast, forward)
    assert send_forwards() == 1 and not Forward.objects.exists()


def test_of_two_sweeps_one_goes(cast, backend) -> None:
    forwarded(cast, b"1")
    with sender._at_it:
        assert send_forwards() == 0
    assert send_forwards() == 1
