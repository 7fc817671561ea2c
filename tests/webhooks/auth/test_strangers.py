"""An address that is refused again and again is asked to wait, unread; no gateway has to for it."""

from __future__ import annotations

import pytest

from accounts.models import Gateway
from tests.webhooks.sending import PATH, Sender, as_a_stranger, lost
from webhooks.auth import strangers as module
from webhooks.auth.strangers import REFUSALS_PER_SECOND, Strangers, strangers
from webhooks.models import Delivery

AT_ONCE = int(2 * REFUSALS_PER_SECOND)
ELSEWHERE = "198.51.100.7"
CALL = "/api/whatsapp/accounts/active"


@pytest.fixture(autouse=True)
def _time_stands_still(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(strangers, "_clock", lambda: now[0])
    return now


def refused(address: str, times: int = AT_ONCE, *, path: str = PATH, **headers: str) -> list[int]:
    client, headers = as_a_stranger(), {"X-API-Key": "no", **headers}
    return [
        client.post(
            path,
            b"{}",
            "application/json",
            REMOTE_ADDR=address,
            headers=headers,
        ).status_code
        for _ in range(times)
    ]


def a_good_one(address: str, *, key: str | None = None):
    sender = Sender()
    sender.client.defaults["REMOTE_ADDR"] = address
    return sender.send(lost())


def test_a_stranger_who_is_refused_too_often_is_asked_to_wait(cast, _time_stands_still):
    assert set(refused(ELSEWHERE)) == {401}
    answer = as_a_stranger().post(PATH, b"{}", "application/json", REMOTE_ADDR=ELSEWHERE)
    assert (answer.status_code, answer["Retry-After"]) == (429, "1")
    assert "not believed" in answer.json()["reason"]
    _time_stands_still[0] += 1
    assert refused(ELSEWHERE, 1) == [401]


@pytest.mark.parametrize("other", ["198.51.100.8", "2001:db8:0:1::1", "127.0.0.1"])
def test_others_do_not_notice(cast, other):
    refused(ELSEWHERE)
    refused("2001:db8::1")
    assert a_good_one(other).status_code == 200


def test_a_network_of_64_bits_counts_as_one_sender(cast):
    refused("2001:db8::1")
    assert refused("2001:db8::2", 1) == [429]


@pytest.mark.parametrize("url", [f"http://{ELSEWHERE}:3001", "http://node-by-name:3001"])
def test_at_a_gateway_s_registered_address_nobody_waits(cast, url, monkeypatch):
    """Several gateways, and a stranger, may come from one address."""
    monkeypatch.setattr(
        "webhooks.route_monitor.source_address._lookup", lambda name: frozenset({ELSEWHERE})
    )
    Gateway.objects.filter(pk=cast.gateway.pk).update(base_url=url)
    assert set(refused(ELSEWHERE, AT_ONCE + 5)) == {401}
    assert a_good_one(ELSEWHERE).status_code == 200


def test_where_one_was_believed_nobody_waits_for_an_hour(cast, _time_stands_still):
    """A proxy that is not listed as trusted has one address for all."""
    assert a_good_one(ELSEWHERE).status_code == 200
    refused(ELSEWHERE)
    assert a_good_one(ELSEWHERE).status_code == 200
    _time_stands_still[0] += module.BELIEVED_FOR_SECONDS + 1
    refused(ELSEWHERE)
    assert a_good_one(ELSEWHERE).status_code == 429


def test_behind_a_trusted_proxy_the_client_s_address_counts(cast, settings):
    settings.TRUSTED_PROXIES = ["10.0.0.1/32"]
    of_stranger, of_another = {"X-Forwarded-For": ELSEWHERE}, {"X-Forwarded-For": "198.51.100.9"}
    refused("10.0.0.1", **of_stranger)
    assert refused("10.0.0.1", 1, **of_stranger) == [429]
    assert refused("10.0.0.1", 1, **of_another) == [401]


def test_who_writes_another_address_of_his_own_is_not_believed(cast):
    for number in range(AT_ONCE):
        refused(ELSEWHERE, 1, **{"X-Forwarded-For": f"198.51.100.{number}"})
    assert refused(ELSEWHERE, 1) == [429]


@pytest.mark.parametrize("path", [CALL, f"{PATH}/a-path-of-nobody", "/api/webhook", PATH])
def test_every_door_counts_and_asks_to_wait(cast, path):
    """A wrong path is answered 404 to who is not believed."""
    method = "GET" if path == CALL else "POST"
    client = as_a_stranger()

    def knock() -> int:
        key = {"X-API-Key": "no"}
        return client.generic(method, path, b"{}", REMOTE_ADDR=ELSEWHERE, headers=key).status_code

    assert {knock() for _ in range(AT_ONCE)} <= {401, 404}
    assert knock() == 429


def test_what_waits_leaves_nothing(cast):
    refused(ELSEWHERE)
    assert a_good_one(ELSEWHERE).status_code == 429
    assert not Delivery.objects.exists()


def test_of_any_number_of_addresses_only_so_many_are_remembered(monkeypatch):
    monkeypatch.setattr(module, "MOST_REMEMBERED", 100)
    some = Strangers(lambda: 1.0)
    for number in range(1000):
        some.refused(f"10.0.{number // 250}.{number % 250}")
        some.believed(f"10.0.{number // 250}.{number % 250}")
    assert len(some._buckets) <= 100 and len(some._believed_at) <= 100
