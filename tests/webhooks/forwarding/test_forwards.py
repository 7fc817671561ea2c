"""State events are handed on from their rows until the backend has them."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet

from accounts.models import GatewaySecret
from accounts.store.redis_client import client
from tests.cast import Cast, make_cast
from tests.webhooks.forwarding.backends import FakeBackend, a_backend
from webhooks.forwarding.rows import Handed, keep_forward
from webhooks.forwarding.sender import claim, send_forwards
from webhooks.models import Delivery, Forward

pytestmark = pytest.mark.django_db
BODY = b'{"event": "session_ready",  "data": {"session_id": "alice"}}'
HEADERS = {"X-Timestamp": "1", "X-HMAC-Signature": "as it came", "Content-Type": "application/json"}


@pytest.fixture
def backend() -> Iterator[FakeBackend]:
    with a_backend() as backend:
        yield backend


@pytest.fixture
def cast(backend: FakeBackend) -> Cast:
    cast = make_cast()
    cast.gateway.forward_url = backend.url
    cast.gateway.save()
    secret = GatewaySecret(gateway=cast.gateway, purpose="hmac")
    secret.secret = "s3cret"
    secret.save()
    return cast


def forwarded(cast: Cast, *, seconds_ago: float = 1, **handed) -> Forward:
    """A state event that came in; not handed on yet."""
    delivery = Delivery.objects.create(
        gateway=cast.gateway, event="session_ready", received_at=cast.ago(seconds_ago)
    )
    keep_forward(delivery, Handed(**{"body": BODY, "headers": HEADERS} | handed))
    return Forward.objects.get(delivery=delivery)


@pytest.fixture(autouse=True)
def _nobody_rings(monkeypatch) -> None:
    """Sent when the test says so."""
    monkeypatch.setattr("webhooks.forwarding.rows.enqueue_task", lambda task: None)


def test_it_arrives_as_it_was_and_the_row_goes(cast: Cast, backend: FakeBackend) -> None:
    forwarded(cast)
    assert send_forwards() == 1
    [arrived] = backend.arrived
    assert arrived.beginning == BODY
    assert arrived.headers["X-HMAC-Signature"] == "as it came"
    assert not Forward.objects.exists()


def test_nothing_of_it_can_be_read_in_the_row(cast: Cast) -> None:
    assert "session_ready" not in str(vars(forwarded(cast)))


def test_a_backend_that_is_away_gets_it_later_in_a_fresh_signature(
    cast: Cast, backend: FakeBackend
) -> None:
    backend.status = 503
    forward = forwarded(cast, seconds_ago=90)
    send_forwards()
    forward.refresh_from_db()
    assert "answered 503" in forward.error
    backend.status = 200
    Forward.objects.update(next_attempt_at=cast.now)
    assert send_forwards() == 1
    sent = backend.arrived[-1].headers
    expected = hmac.new(b"s3cret", sent["X-Timestamp"].encode() + BODY, hashlib.sha256)
    assert sent["X-HMAC-Signature"] == expected.hexdigest()
    assert not Forward.objects.exists()


def test_it_is_tried_later_and_later(cast: Cast, backend: FakeBackend) -> None:
    backend.status = 500
    forward = forwarded(cast)
    pauses = []
    for _ in range(4):
        send_forwards()
        forward.refresh_from_db()
        pauses.append((forward.next_attempt_at - cast.now).total_seconds())
        Forward.objects.update(next_attempt_at=cast.now)
    assert pauses == sorted(pauses)
    assert send_forwards() == 1


def test_after_a_day_the_row_says_why_and_holds_nothing(cast: Cast, backend: FakeBackend) -> None:
    backend.status = 500
    forward = forwarded(cast, seconds_ago=timedelta(days=1, minutes=1).total_seconds())
    send_forwards()
    forward.refresh_from_db()
    assert (forward.next_attempt_at, forward.sealed_body) == (None, "")
    assert "answered 500" in forward.error
    assert send_forwards() == 0


def test_a_qr_code_is_handed_on_from_redis_and_never_in_a_row(
    cast: Cast, backend: FakeBackend
) -> None:
    forward = forwarded(cast, is_fleeting=True)
    assert forward.sealed_body == ""
    send_forwards()
    assert backend.arrived[0].beginning == BODY


def test_a_qr_code_that_is_void_is_given_up(cast: Cast, backend: FakeBackend) -> None:
    forward = forwarded(cast, is_fleeting=True)
    client().flushall()
    send_forwards()
    forward.refresh_from_db()
    assert "void" in forward.error
    assert backend.arrived == []


def test_two_senders_hand_it_on_once(cast: Cast, backend: FakeBackend) -> None:
    forwarded(cast)
    assert claim() is not None
    assert send_forwards() == 0


def test_a_qr_code_that_arrived_is_nowhere(cast: Cast, backend: FakeBackend) -> None:
    forwarded(cast, is_fleeting=True)
    send_forwards()
    assert client().keys("rollcall:forward:*") == []


def test_nothing_that_the_backend_says_is_kept(cast: Cast, backend: FakeBackend) -> None:
    """The answer may quote the body."""
    backend.status, backend.body = 500, b"Traceback: as it came, session_ready"
    forward = forwarded(cast)
    send_forwards()
    forward.refresh_from_db()
    assert forward.error == "the backend answered 500"


def test_a_url_that_was_taken_away_gives_them_up(cast: Cast, backend: FakeBackend) -> None:
    forward = forwarded(cast)
    cast.gateway.forward_url = ""
    cast.gateway.save()
    send_forwards()
    forward.refresh_from_db()
    assert (forward.next_attempt_at, forward.sealed_body) == (None, "")
    assert "no forward URL any more" in forward.error


def test_another_url_gets_what_waits(cast: Cast, backend: FakeBackend) -> None:
    cast.gateway.forward_url = "http://127.0.0.1:1/hooks"
    cast.gateway.save()
    forward = forwarded(cast)
    send_forwards()
    forward.refresh_from_db()
    assert "refused" in forward.error.lower()
    cast.gateway.forward_url = backend.url
    cast.gateway.save()
    Forward.objects.update(next_attempt_at=cast.now)
    assert send_forwards() == 1 and len(backend.arrived) == 1


def test_a_seal_that_cannot_be_opened_is_waited_for(cast: Cast, settings) -> None:
    forward = forwarded(cast)
    settings.FIELD_KEYS = [Fernet.generate_key().decode()]
    send_forwards()
    forward.refresh_from_db()
    assert "FIELD_KEYS" in forward.error and forward.next_attempt_at is not None
