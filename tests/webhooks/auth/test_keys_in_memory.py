"""Secrets are kept in memory and believed for as long as nobody has changed one, whoever does."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection

from accounts.models import Gateway, GatewaySecret
from accounts.store.clock import database_now
from tests.cast import a_gateway, make_cast
from tests.instance.running import until
from tests.webhooks.sending import PATH, SECRET, Sender, as_bytes, event, give_secret, signed
from webhooks.auth import keyring
from webhooks.auth.keyring import Keyring

MESSAGE = event("message_received", "alice", message={"body": "x"})


@pytest.fixture
def crowd(cast):
    """More gateways than are tried without asking whose the session is."""
    for number in range(10):
        gateway = a_gateway(f"node-{number}", base_url=f"http://node-{number}:3001")
        give_secret(gateway, "hmac", f"secret {number}")
    return cast


def now_known() -> Keyring:
    return keyring.keyring("webjs", at_most_seconds=0)


@pytest.mark.parametrize("address", ["http://node-7:3001", "http://localhost:3001", ""])
def test_a_message_of_a_known_sender_asks_the_database_nothing(
    crowd, django_assert_num_queries, address
):
    crowd.an_account("erin", "connected", gateway=Gateway.objects.get(name="node-7"))
    sender = Sender(secret="secret 7")
    said = event("message_received", "erin", message={"body": "x"})
    headers = {"x_instance_url": address}
    for _ in range(2):  # the first signature of a gateway changes what is known of it
        assert sender.send(said, **headers).status_code == 200

    with django_assert_num_queries(0):
        assert sender.send(said, **headers).status_code == 200


def by_saving(cast):
    give_secret(cast.other_gateway, "hmac", "new")


def in_bulk(cast):
    row = GatewaySecret(gateway=cast.other_gateway, purpose="hmac")
    row.secret = "new"
    GatewaySecret.objects.bulk_create([row])


def by_update(cast):
    GatewaySecret.objects.update(not_after=cast.now + timedelta(hours=1))


def by_delete(cast):
    GatewaySecret.objects.all().delete()


def of_a_gateways_address(cast):
    Gateway.objects.update(base_url="http://elsewhere:3001")


def by_hand(cast):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM accounts_gatewaysecret")


@pytest.mark.parametrize(
    "change", [by_saving, in_bulk, by_update, by_delete, of_a_gateways_address, by_hand]
)
def test_every_change_is_seen_at_the_next_look(cast, change):
    known = now_known()
    change(cast)

    assert now_known().loaded_at != known.loaded_at


def test_what_a_pass_writes_of_a_gateway_is_no_change(cast):
    known = now_known()
    Gateway.objects.update(listed_at=cast.now, run_started_at=cast.now)

    assert now_known().loaded_at == known.loaded_at


def test_one_that_has_ended_is_believed_no_more(cast, at):
    give_secret(cast.gateway, "hmac", "for an hour", ends_in=3600)
    assert b"for an hour" in now_known().by_secret
    at(database_now() + timedelta(seconds=3601))

    assert b"for an hour" not in now_known().by_secret


def test_one_that_had_ended_is_believed_again_when_the_clock_is_set_back(cast, at):
    give_secret(cast.gateway, "hmac", "for an hour", ends_in=3600)
    now = database_now()
    at(now + timedelta(seconds=3601))
    assert b"for an hour" not in now_known().by_secret
    at(now)

    assert b"for an hour" in now_known().by_secret


@pytest.mark.django_db(transaction=True)
def test_a_change_of_the_same_process_is_believed_at_once():
    cast = make_cast()
    give_secret(cast.gateway, "hmac", SECRET)
    assert Sender().send(MESSAGE).status_code == 200
    GatewaySecret.objects.get().delete()
    assert Sender().send(MESSAGE).status_code == 401
    give_secret(cast.gateway, "hmac", SECRET)

    assert Sender().send(MESSAGE).status_code == 200


def test_a_secret_that_is_taken_away_opens_no_other_process(secret, server):
    body = as_bytes(MESSAGE)

    def is_refused():
        return all(server.send_signed(secret, body).status == 401 for _ in range(10))

    assert server.send_signed(secret, body).status == 200
    GatewaySecret.objects.all().delete()

    until(is_refused, limit_seconds=10)
    assert server.send(body, signed(secret, body), path=PATH).status == 401
