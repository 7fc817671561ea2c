"""Older versions of the Node service send their key and no signature."""

from __future__ import annotations

import pytest

from tests.webhooks.sending import KEY, SECRET, Sender, as_bytes, give_secret, lost, the_delivery
from webhooks.models import Delivery


def with_key(key, said=None, **more):
    return Sender().post(as_bytes(said or lost()), {"X-API-Key": key} | more)


def test_the_key_of_a_gateway_is_believed(cast):
    assert with_key(KEY).status_code == 200
    assert the_delivery().gateway == cast.gateway


def test_the_check_by_hand_of_the_incident_is_answered(cast):
    said = {"event": "session_disconnected", "data": {"session_id": "test", "workspace_id": 1}}
    answer = with_key(KEY, said)
    assert (answer.status_code, answer.json()["state"]) == (200, "ignored")
    assert "unknown session" in answer.json()["why"]


@pytest.mark.parametrize("key", ["wrong", SECRET, "key-of-whatsapp", "é" * 20, "\x7f"])
def test_a_key_of_nobody_is_refused(cast, key):
    answer = with_key(key)
    assert answer.status_code == 401 and "no gateway" in answer.json()["reason"]
    assert not Delivery.objects.exists()


def test_a_key_longer_than_any_is_refused_by_name(cast):
    answer = with_key("k" * 501)
    assert answer.status_code == 401 and "longer than any key" in answer.json()["reason"]


def test_both_keys_open_while_one_is_replaced(cast):
    give_secret(cast.gateway, "api_key", "next", ends_in=60)
    assert (with_key(KEY).status_code, with_key("next").status_code) == (200, 200)


def test_a_key_that_has_ended_opens_nothing(cast):
    give_secret(cast.gateway, "api_key", "last", ends_in=-1)
    assert with_key("last").status_code == 401


def test_the_key_says_which_gateway_whatever_else_is_said(cast):
    give_secret(cast.other_gateway, "api_key", "key-of-whatsapp-2")
    with_key("key-of-whatsapp-2", **{"X-Instance-Url": cast.gateway.base_url})
    assert the_delivery().gateway == cast.other_gateway


def test_a_gateway_moves_only_accounts_of_its_own(cast):
    give_secret(cast.other_gateway, "api_key", "key-of-whatsapp-2")
    assert with_key("key-of-whatsapp-2").json()["state"] == "ignored"
    cast.alice.refresh_from_db()
    assert cast.alice.status == "connected"
