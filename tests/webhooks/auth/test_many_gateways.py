"""With many gateways not every secret is tried over a large body: the sender's address and the
session narrow them. Neither opens anything by itself."""

from __future__ import annotations

import pytest

from tests.cast import a_gateway
from tests.webhooks.sending import Sender, as_bytes, event, give_secret, signed

MEDIUM, LARGE = 100_000, 400_000
sizes = pytest.mark.parametrize("size", [10, MEDIUM, LARGE])


@pytest.fixture
def crowd(cast):
    """Ten more gateways; the third has the address that every container says."""
    crowd = [a_gateway(f"node-{n}", base_url=f"http://node-{n}:3001") for n in range(10)]
    crowd[2].base_url = "http://localhost:3001"
    crowd[2].save()
    for number, gateway in enumerate(crowd):
        give_secret(gateway, "hmac", f"secret {number}")
    return crowd


def message(session_id, size):
    return event("message_received", session_id, message={"body": "x" * size})


def send(said, *, secret="secret 7", **headers):
    body = as_bytes(said)
    return Sender().post(body, signed(secret, body) | headers)


@sizes
def test_one_gateway_needs_no_hint(cast, sender, size):
    assert sender.send(message("nobody's", size)).status_code == 200


@sizes
def test_its_registered_address_is_hint_enough(crowd, size):
    headers = {"X-Instance-Url": "http://node-7:3001/"}
    assert send(message("new", size), **headers).status_code == 200


@sizes
def test_a_session_that_it_holds_is_hint_enough(crowd, cast, size):
    cast.an_account("erin", "connected", gateway=crowd[7])
    assert send(message("erin", size)).status_code == 200


@sizes
def test_an_address_that_is_another_gateways_does_no_harm(crowd, cast, size):
    cast.an_account("erin", "connected", gateway=crowd[7])
    headers = {"X-Instance-Url": "http://localhost:3001"}
    assert send(message("erin", size), **headers).status_code == 200


@pytest.mark.parametrize("size", [MEDIUM, LARGE])
def test_without_any_hint_it_is_told_what_is_missing(crowd, size):
    answer = send(message("nobody's", size))
    assert answer.status_code == 401 and "X-Instance-Url" in answer.json()["reason"]


def test_a_small_body_needs_no_hint(crowd):
    assert send(message("nobody's", 10)).status_code == 200


@sizes
def test_a_hint_opens_nothing(crowd, cast, size):
    cast.an_account("erin", "connected", gateway=crowd[7])
    headers = {"X-Instance-Url": "http://node-7:3001"}
    answer = send(message("erin", size), secret="a stranger's", **headers)
    assert answer.status_code == 401 and "fits no active secret" in answer.json()["reason"]
