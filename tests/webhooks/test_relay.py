"""A large message is handed through while it comes in, and seen whole only when it is trusted."""

from __future__ import annotations

import hashlib

import pytest

from gateways.backend import Backend
from gateways.base import Refused, TimedOut
from tests.webhooks.backends import a_backend
from webhooks import relay as relays
from webhooks.bodies import BodyRefused
from webhooks.relay import AT_ONCE, Relay, relay_slot

PIECE = b"x" * 65536
HEADERS = {"X-HMAC-Signature": "abc", "Content-Type": "application/json"}


def test_it_arrives_byte_by_byte_as_it_was_with_its_headers() -> None:
    with a_backend() as backend:
        relay = Relay(Backend(backend.url), headers=HEADERS, length=len(PIECE) * 40)
        for _ in range(40):
            relay.update(PIECE)
        answer = relay.finish()
        relay.end()
    [arrived] = backend.arrived
    assert arrived.digest == hashlib.sha256(PIECE * 40).hexdigest()
    assert arrived.headers["X-HMAC-Signature"] == "abc"
    assert (answer.status_code, answer.body) == (200, b'{"ok": true}')


def test_it_arrives_in_pieces_where_nobody_knows_its_length() -> None:
    with a_backend() as backend:
        relay = Relay(Backend(backend.url), headers=HEADERS, length=None)
        relay.update(PIECE)
        relay.update(b"end")
        relay.finish()
        relay.end()
    assert backend.arrived[0].size_bytes == len(PIECE) + 3


@pytest.mark.parametrize("length", [len(PIECE) * 20, None])
def test_what_is_not_trusted_never_arrives_whole(length: int | None) -> None:
    with a_backend() as backend:
        relay = Relay(Backend(backend.url), headers=HEADERS, length=length)
        for _ in range(20):
            relay.update(PIECE)
        relay.end()
    assert backend.arrived == []


def test_a_backend_that_refuses_says_so_and_takes_nothing() -> None:
    relay = Relay(Backend("http://127.0.0.1:1/hooks"), headers=HEADERS, length=None)
    for _ in range(50):
        relay.update(PIECE)
    with pytest.raises(Refused):
        relay.finish()
    relay.end()


def test_a_backend_that_hangs_is_not_waited_for_longer_than_agreed(monkeypatch) -> None:
    monkeypatch.setattr(relays, "LARGE_DEADLINE_SECONDS", 0.3)
    with a_backend() as backend:
        backend.gate.clear()
        relay = Relay(Backend(backend.url), headers=HEADERS, length=4)
        relay.update(b"body")
        with pytest.raises(TimedOut):
            relay.finish()
        relay.end()


def test_only_so_many_may_wait_for_backends() -> None:
    held = [relay_slot() for _ in range(AT_ONCE)]
    for slot in held:
        slot.__enter__()
    try:
        with pytest.raises(BodyRefused) as refusal, relay_slot():
            pass
        assert (refusal.value.status_code, refusal.value.retry_after) == (429, 1)
    finally:
        for slot in held:
            slot.__exit__(None, None, None)
    with relay_slot():
        pass


def test_a_relay_takes_one_of_the_places_and_gives_it_back() -> None:
    with a_backend() as backend:
        relays = [Relay(Backend(backend.url), headers={}, length=1) for _ in range(AT_ONCE)]
        with pytest.raises(BodyRefused):
            Relay(Backend(backend.url), headers={}, length=1)
        for relay in relays:
            relay.end()
            relay.end()
        with relay_slot():
            pass
