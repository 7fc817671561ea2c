"""What was recorded on its way and is sent again moves nothing a second time."""

from __future__ import annotations

import time

import pytest
from django.db import transaction
from redis.exceptions import RedisError

from accounts.models import Account, Transition
from accounts.store.clock import database_now
from tests.cast import see
from tests.webhooks.forwarding.backends import a_backend
from tests.webhooks.sending import KEY, SECRET, Sender, as_bytes, event, give_secret, lost, signed
from webhooks.auth import keyring, replay
from webhooks.inbox import duplicates, receive
from webhooks.models import Delivery, EventId

MESSAGE = as_bytes(event("message_received", body="hello"))


@pytest.fixture
def backend(cast):
    with a_backend() as backend:
        cast.gateway.forward_url = backend.url
        cast.gateway.save()
        keyring.forget()
        yield backend


def test_a_recorded_webhook_moves_the_account_once(cast, sender) -> None:
    body = as_bytes(lost())
    headers = signed(SECRET, body)
    assert sender.post(body, headers).json()["state"] == "applied"
    for _ in range(28):
        see(cast.alice, "connected", at=database_now())
        assert sender.post(body, headers).json()["state"] == "repeated"
    assert Account.objects.get(pk=cast.alice.pk).status == "connected"
    assert Delivery.objects.count() == 1
    assert Transition.objects.filter(account=cast.alice, to_status="disconnected").count() == 1


def test_a_repetition_moves_nothing_and_has_the_session_read(cast, sender, monkeypatch) -> None:
    """A session may be lost, come back and be lost again within the second that is signed."""
    rung = []
    monkeypatch.setattr(receive, "enqueue_task", lambda *words: rung.append(words))
    body = as_bytes(lost())
    headers = signed(SECRET, body)
    sender.post(body, headers)
    rung.clear()
    sender.post(body, headers)
    assert rung == [("accounts.tasks.confirm_session", cast.gateway.pk, "alice")]


@pytest.mark.parametrize("path", ["/api/webhooks/webjs", "/api/whatsapp/webhooks/webjs", "/x"])
def test_no_other_path_is_a_way_around(cast, sender, path) -> None:
    body = as_bytes(lost())
    headers = signed(SECRET, body)
    sender.post(body, headers)
    again = sender.post(body, headers | {"X-Instance-Url": "http://else", "X-More": "1"}, path=path)
    assert again.json()["state"] == "repeated" and Delivery.objects.count() == 1


@pytest.mark.parametrize("seconds", [1, 2, 30])
def test_the_same_words_signed_at_another_moment_are_news(cast, sender, seconds) -> None:
    """The Node service signs each attempt anew, and the same words may be true twice."""
    body, now = as_bytes(lost()), int(time.time()) - 40
    for moment in (now, now + seconds):
        answer = sender.post(body, signed(SECRET, body, timestamp=str(moment)))
        assert answer.json()["state"] in ("applied", "superseded")
    assert Delivery.objects.count() == 2


def test_another_gateway_may_have_signed_the_same(cast, sender) -> None:
    body = as_bytes(lost("nobody"))
    give_secret(cast.other_gateway, "hmac", "another's")
    moment = str(int(time.time()))
    for secret in (SECRET, "another's"):
        assert sender.post(body, signed(secret, body, timestamp=moment)).status_code == 200
    assert Delivery.objects.count() == 2


def test_what_was_not_committed_may_come_again_as_it_was(cast, sender, monkeypatch) -> None:
    body = as_bytes(lost())
    headers = signed(SECRET, body)
    with monkeypatch.context() as broken:
        broken.setattr(receive, "_deliveries", _no_database)
        assert sender.post(body, headers).status_code == 503
    assert not EventId.objects.exists()
    assert sender.post(body, headers).json()["state"] == "applied"


def _no_database(*args, **kwargs):
    raise transaction.TransactionManagementError("gone")


def test_it_is_remembered_for_as_long_as_it_would_be_believed(cast, sender) -> None:
    sender.send(lost())
    [row] = EventId.objects.all()
    for age, is_kept in (
        (replay.REMEMBERED_SECONDS, True),
        (replay.REMEMBERED_SECONDS + 90, False),
    ):
        row.received_at = cast.ago(age)
        row.save()
        duplicates.prune_signed()
        assert EventId.objects.exists() is is_kept


def test_an_id_of_its_own_is_kept_longer(cast) -> None:
    EventId.objects.create(gateway=cast.gateway, event_id="evt", received_at=cast.ago(7200))
    assert duplicates.prune_signed() == 0


# --- messages: to a backend once -------------------------------------------------------------
@pytest.mark.parametrize("pad", [0, 400_000], ids=["small", "large"])
@pytest.mark.parametrize("name", ["message_received", "poll_voted"])
def test_a_recorded_message_reaches_the_backend_once(cast, sender, backend, name, pad) -> None:
    body = as_bytes(event(name, body="hello", pad="A" * pad))
    headers = signed(SECRET, body)
    assert sender.post(body, headers).content == backend.body
    for _ in range(3):
        assert sender.post(body, headers).json()["state"] == "repeated"
    assert len(backend.arrived) == 1


@pytest.mark.parametrize("status", [400, 429, 500, 503])
def test_what_the_backend_did_not_take_may_come_again(cast, sender, backend, status) -> None:
    headers = signed(SECRET, MESSAGE)
    backend.status = status
    assert sender.post(MESSAGE, headers).status_code == status
    backend.status = 200
    assert sender.post(MESSAGE, headers).content == backend.body


def test_what_is_under_way_is_not_begun_twice(cast, sender, backend, throwaway_redis) -> None:
    headers = signed(SECRET, MESSAGE)
    sender.post(MESSAGE, headers)
    [key] = throwaway_redis.keys("rollcall:signed:*")
    assert 0 < throwaway_redis.ttl(key) <= replay.REMEMBERED_SECONDS
    throwaway_redis.set(key, "1", ex=replay.UNDER_WAY_SECONDS)
    answer = sender.post(MESSAGE, headers)
    assert (answer.status_code, answer["Retry-After"]) == (429, "1")


@pytest.mark.parametrize(
    ("age", "is_handed_on"), [(0, True), (25, True), (40, False), (250, False)]
)
def test_without_redis_only_fresh_ones_are_handed_on(
    cast, sender, backend, monkeypatch, age, is_handed_on
) -> None:
    monkeypatch.setattr("webhooks.auth.replay.client", _no_redis)
    timestamp = str(int(time.time()) - age)
    answer = sender.post(MESSAGE, signed(SECRET, MESSAGE, timestamp=timestamp))
    assert (answer.status_code == 200) is is_handed_on
    assert len(backend.arrived) == is_handed_on
    if not is_handed_on:
        assert answer.status_code == 429 and "30 s" in answer.json()["reason"]


def _no_redis():
    raise RedisError("away")


# --- the Node service's other calls ----------------------------------------------------------
def test_a_recorded_call_moves_the_account_once(cast) -> None:
    path, body = "/api/whatsapp/sessions/alice/mark-disconnected", b'{"reason": "x"}'
    headers = signed(SECRET, body) | {"X-API-Key": KEY}
    assert Sender().post(body, headers, path=path).json()["applied"] is True
    see(cast.alice, "connected", at=database_now())
    assert Sender().post(body, headers, path=path).json()["applied"] is False
    assert Account.objects.get(pk=cast.alice.pk).status == "connected"
