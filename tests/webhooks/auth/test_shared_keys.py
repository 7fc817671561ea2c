"""Several instances of one installation may share a key: who speaks is then told by the address
that they say they have, or by the session that they speak of."""

from __future__ import annotations

import pytest

from tests.cast import a_gateway
from tests.webhooks.sending import Sender, as_bytes, event, give_secret, lost, signed, the_delivery
from webhooks.models import Delivery

ONE, TWO = "http://node-1:3001", "http://node-2:3001"


@pytest.fixture
def twins(cast):
    twins = [a_gateway("node-1", base_url=ONE), a_gateway("node-2", base_url=TWO)]
    for gateway in twins:
        give_secret(gateway, "api_key", "shared")
        give_secret(gateway, "hmac", "shared secret")
    return twins


def with_key(said, **headers):
    return Sender().post(as_bytes(said), {"X-API-Key": "shared"} | headers)


def with_signature(said, **headers):
    body = as_bytes(said)
    return Sender().post(body, signed("shared secret", body) | headers)


both_ways = pytest.mark.parametrize("send", [with_key, with_signature])


@both_ways
@pytest.mark.parametrize("address", [TWO, TWO + "/"])
def test_the_address_chooses_among_them(twins, send, address):
    assert send(lost("any"), **{"X-Instance-Url": address}).status_code == 200
    assert the_delivery().gateway == twins[1]


@both_ways
def test_without_an_address_the_session_chooses(twins, cast, send):
    cast.an_account("erin", "connected", gateway=twins[0])
    assert send(lost("erin")).json()["state"] == "applied"
    assert the_delivery().gateway == twins[0]


@both_ways
@pytest.mark.parametrize("address", ["", "http://localhost:3001", "http://node-2:3001.evil"])
def test_it_refuses_to_guess(twins, send, address):
    answer = send(lost("nobody's"), **({"X-Instance-Url": address} if address else {}))
    assert answer.status_code == 409
    assert "give each its own key" in answer.json()["reason"]
    assert not Delivery.objects.exists()


@both_ways
def test_an_address_outside_of_them_opens_no_other_door(twins, cast, send):
    assert send(lost("alice"), **{"X-Instance-Url": cast.gateway.base_url}).status_code == 409


@both_ways
def test_the_address_is_never_stored(twins, send):
    assert send(event("session_ready", "x"), **{"X-Instance-Url": TWO}).status_code == 200
    assert TWO not in str(the_delivery().__dict__)


def test_the_other_calls_choose_in_the_same_way(twins, cast):
    cast.an_account("erin", "connected", gateway=twins[1])
    client = Sender().client
    headers = {"X-API-Key": "shared"}
    assert client.get("/api/whatsapp/accounts/active", headers=headers).status_code == 409
    by_session = client.get("/api/whatsapp/accounts/by-session/erin", headers=headers)
    assert by_session.json()["data"]["session_id"] == "erin"
    by_address = client.get(
        "/api/whatsapp/accounts/active", headers=headers | {"X-Instance-Url": TWO}
    )
    assert by_address.json()["count"] == 1
