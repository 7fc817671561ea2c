"""Messages and acknowledgements: no row, only the proof that the live client spoke."""

from __future__ import annotations

import pytest
import redis

from tests.webhooks.sending import event
from webhooks.inbox.activity import flush_life
from webhooks.models import Delivery

PROOFS = [
    "message_received",
    "message_sent",
    "message_status_updated",
    "message_delivered",
    "message_read",
]
WEAK = ["typing_indicator", "chat_state_updated", "mobile_activity_detected"]


@pytest.mark.parametrize("name", PROOFS)
def test_a_message_proves_its_session(cast, sender, name):
    answer = sender.send(event(name, "alice", message={"body": "hello"}))
    assert answer.json() == {"success": True, "state": "noted"}
    assert not Delivery.objects.exists()
    assert flush_life() == 1
    cast.alice.refresh_from_db()
    assert cast.alice.proven_at >= cast.now and cast.alice.last_activity_at >= cast.now
    assert cast.alice.proof == name.replace("_", " ")


@pytest.mark.parametrize("name", WEAK)
def test_typing_is_activity_and_no_proof(cast, sender, name):
    sender.send(event(name, "alice"))
    flush_life()
    cast.alice.refresh_from_db()
    assert cast.alice.last_activity_at and cast.alice.proven_at is None


def test_a_message_moves_no_status(cast, sender):
    sender.send(event("message_received", "charlie"))
    flush_life()
    cast.charlie.refresh_from_db()
    assert cast.charlie.status == "logged_out"


def test_many_messages_are_one_write(cast, sender, django_assert_num_queries):
    for _ in range(20):
        sender.send(event("message_received", "alice"))
        sender.send(event("message_sent", "bob"))
    with django_assert_num_queries(1):
        assert flush_life() == 2
    assert flush_life() == 0


def test_a_message_costs_no_write_on_the_request(sender, django_assert_max_num_queries):
    for _ in range(2):  # the first one shows that it signs, which is written down once
        sender.send(event("message_received", "alice"))
    with django_assert_max_num_queries(1):
        sender.send(event("message_received", "alice"))


def test_messages_of_nobodys_session_prove_nobody(cast, sender):
    assert sender.send(event("message_received", "nobody's")).status_code == 200
    assert flush_life() == 0


def test_nothing_of_it_stays_in_redis(sender, throwaway_redis: redis.Redis):
    sender.send(event("message_received", "alice"))
    flush_life()
    assert throwaway_redis.keys("rollcall:life*") == []
