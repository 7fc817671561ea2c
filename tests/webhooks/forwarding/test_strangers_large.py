"""Large messages before anything is believed: a backend sees nothing of a stranger's, and strangers
who send slowly take no good one's place."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace

import pytest

from tests.instance.running import until
from tests.webhooks.forwarding.test_handing_on_served import backend, cast, secret  # noqa: F401
from tests.webhooks.sending import as_bytes, event, signed
from tests.webhooks.wire.strangers import strangers
from tests.webhooks.wire.test_slow_strangers import head

ELSEWHERE = "127.0.0.2"


def message(size_bytes: int = 800_000, number: int = 0) -> bytes:
    return as_bytes(event("message_received", number=number, message={"media": "x" * size_bytes}))


def test_of_an_unbelieved_one_from_elsewhere_a_backend_sees_nothing(
    server,
    secret,
    backend,  # noqa: F811
) -> None:
    answer = replace(server, source=ELSEWHERE).send_signed("forged", message())
    assert answer.status == 401
    assert backend.begun == 0


def test_a_true_one_from_elsewhere_arrives_whole_once_it_is_believed(
    server,
    secret,
    backend,  # noqa: F811
) -> None:
    body = message()
    answer = replace(server, source=ELSEWHERE).send_signed(secret, body)
    assert (answer.status, answer.content) == (200, backend.body)
    [arrived] = backend.arrived
    assert arrived.digest == hashlib.sha256(body).hexdigest()
    assert arrived.headers["Content-Length"] == str(len(body))


def test_from_the_gateway_s_own_address_it_is_on_its_way_before_its_end(
    server,
    secret,
    backend,  # noqa: F811
) -> None:
    body = message()

    def pieces():
        yield body[:500_000]
        until(lambda: backend.begun == 1)
        yield body[500_000:]

    length = {"Content-Length": str(len(body))}
    assert server.exchange(pieces(), signed(secret, body) | length).status == 200


@pytest.mark.parametrize("of_strangers", ["127.0.0.1", ELSEWHERE, "many"])
@pytest.mark.parametrize("of_good_ones", ["127.0.0.1", "127.0.0.3"])
def test_slow_large_strangers_take_no_place_from_good_ones(
    server,
    secret,
    backend,
    of_strangers,
    of_good_ones,  # noqa: F811
) -> None:
    among = [f"127.0.1.{n}" for n in range(1, 21)] if of_strangers == "many" else [of_strangers]
    good = replace(server, source=of_good_ones)
    begun = message()[:500_000]
    with strangers(
        server.port, 20, begin=lambda: head(800_000) + begun, drop=b"x", addresses=among
    ) as these:
        time.sleep(1)
        answers = [good.send_signed(secret, message(number=number)) for number in range(20)]
    assert {answer.status for answer in answers} == {200}, these.statuses
    assert len(backend.arrived) == 20
