"""A large message is handed through while it comes in, and seen whole only when it is trusted."""

from __future__ import annotations

import hashlib
import socket
import time

import pytest

from gateways.base import ConnectionRefused, TimedOut
from gateways.wire.backend import Backend
from tests.instance.running import until
from tests.webhooks.forwarding.backends import a_backend
from webhooks.forwarding import stream_through as relays
from webhooks.forwarding.stream_through import LARGE, Places, Relay
from webhooks.wire.bodies import BodyRefused

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
    with pytest.raises(ConnectionRefused):
        relay.finish()
    relay.end()


def test_a_backend_that_hangs_is_not_waited_for_longer_than_agreed(monkeypatch) -> None:
    monkeypatch.setattr(relays, "DEADLINE_SECONDS", 0.3)
    with a_backend() as backend:
        backend.gate.clear()
        relay = Relay(Backend(backend.url), headers=HEADERS, length=4)
        relay.update(b"body")
        with pytest.raises(TimedOut):
            relay.finish()
        relay.end()


def test_a_backend_that_takes_nothing_holds_the_sender_up_only_so_long(monkeypatch) -> None:
    monkeypatch.setattr(relays, "DEADLINE_SECONDS", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as nobody_reads:
        url = f"http://127.0.0.1:{nobody_reads.getsockname()[1]}/"
        relay = Relay(Backend(url), headers=HEADERS, length=len(PIECE) * 2000)
        began = time.monotonic()
        for _ in range(2000):
            relay.update(PIECE)
        with pytest.raises(TimedOut):
            relay.finish()
        relay.end()
        # A second, and what a busy machine adds; nobody reads for ever.
        assert time.monotonic() - began < 10
    until(lambda: no_place_is_taken(url))


def no_place_is_taken(url: str) -> bool:
    taken = [not refused(LARGE, url) for _ in range(LARGE.of_one_backend)]
    for _ in range(sum(taken)):
        LARGE.give_back(url)
    return all(taken)


def refused(places: Places, url: str) -> bool:
    try:
        places.take(url)
    except BodyRefused as refusal:
        assert (refusal.status_code, refusal.retry_after) == (429, 1)
        return True
    return False


def test_a_slow_backend_takes_only_some_of_the_places() -> None:
    places = Places(at_once=3, of_one_backend=2)
    assert [refused(places, url) for url in ("slow", "slow", "slow")] == [False, False, True]
    assert [refused(places, url) for url in ("other", "third")] == [False, True]
    places.give_back("slow")
    assert not refused(places, "third")


def test_a_relay_takes_a_place_and_gives_it_back() -> None:
    with a_backend() as backend:
        several = [
            Relay(Backend(backend.url), headers={}, length=1) for _ in range(LARGE.of_one_backend)
        ]
        assert refused(LARGE, backend.url)
        for relay in several:
            relay.end()
            relay.end()
        until(lambda: not refused(LARGE, backend.url))
        LARGE.give_back(backend.url)
