"""Who sends a byte now and then holds a thread: not for longer than a request may take."""

from __future__ import annotations

import http.client
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from tests.cast import make_cast
from tests.webhooks.sending import PATH, as_bytes, give_secret, lost, signed
from tests.webhooks.serving import read_all, served
from webhooks.models import Delivery

THREADS = 64  # of the web's two processes together
DRIP_SECONDS = 0.1
# They drip until they are cut off. The web's patience is a second, the rest is what a busy machine
# adds: less than the 10 s and 30 s of a web that is not hasty.
SOON_SECONDS = 9.0
DRIPS_FOR_SECONDS = 20.0


@pytest.fixture(scope="module")
def hasty(django_db_setup, tmp_path_factory):
    """A web process that waits 0.5 s for a head and 1 s for a body, instead of 10 s and 30 s."""
    with served(tmp_path_factory.mktemp("hasty"), config="tests.webhooks.wire.hasty") as server:
        yield server


@pytest.fixture
def secret(transactional_db, hasty):
    cast, secret = make_cast(), f"secret {secrets.token_hex(8)}"
    give_secret(cast.gateway, "hmac", secret)
    hasty.learn(secret)
    return secret


def head_of(*headers: str, method: str = "POST") -> bytes:
    return "\r\n".join([f"{method} {PATH} HTTP/1.1", "Host: localhost", *headers, "", ""]).encode()


def signed_head(secret: str, *headers: str) -> bytes:
    return head_of(*headers, *(f"{name}: {text}" for name, text in signed(secret, b"").items()))


def dripped(port: int, head: bytes, *, drop: Callable[[], bytes]) -> tuple[bytes, float]:
    """A byte now and then after the head, until there is an answer or the line is cut."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        connection.sendall(head)
        connection.settimeout(DRIP_SECONDS)
        while time.monotonic() - began < DRIPS_FOR_SECONDS:
            with suppress(TimeoutError):
                connection.recv(1, socket.MSG_PEEK)
                break
            try:
                connection.sendall(drop())
            except ConnectionError:
                break
        connection.settimeout(DRIPS_FOR_SECONDS)
        return read_all(connection), time.monotonic() - began


@contextmanager
def drippers(port: int, count: int, head: bytes, drop: bytes) -> Iterator[None]:
    """Open this many connections that drip until the block ends."""
    over, connections = threading.Event(), []
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", port), 30)
        connection.sendall(head)
        connections.append(connection)

    def drip() -> None:
        while not over.wait(DRIP_SECONDS):
            for connection in connections:
                with suppress(OSError):
                    connection.send(drop)

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        for connection in connections:
            connection.close()


def test_a_dripping_body_is_told_that_it_is_too_slow(hasty, secret):
    head = signed_head(secret, "Content-Length: 1000")

    answer, seconds = dripped(hasty.port, head, drop=lambda: b" ")

    assert answer.startswith(b"HTTP/1.1 408") and b"too slowly" in answer
    assert 0.9 < seconds < SOON_SECONDS
    assert not Delivery.objects.filter(event="").exists()


def test_a_dripping_chunk_is_no_better(hasty, secret):
    head = signed_head(secret, "Transfer-Encoding: chunked") + b"fff\r\n"

    answer, seconds = dripped(hasty.port, head, drop=lambda: b" ")

    assert answer.startswith(b"HTTP/1.1 408") and seconds < SOON_SECONDS


def test_many_tiny_chunks_are_no_better(hasty, secret):
    head = signed_head(secret, "Transfer-Encoding: chunked")

    answer, seconds = dripped(hasty.port, head, drop=lambda: b"1\r\nx\r\n")

    assert answer.startswith(b"HTTP/1.1 408") and seconds < SOON_SECONDS


def test_a_stranger_who_drips_is_answered_as_soon(hasty, secret):
    answer, seconds = dripped(hasty.port, head_of("Content-Length: 1000"), drop=lambda: b" ")

    assert answer.startswith(b"HTTP/1.1 401") and seconds < SOON_SECONDS


def test_a_dripping_head_ends_without_an_answer(hasty, secret):
    begun = head_of("X-Begun: yes")[:-2]

    answer, seconds = dripped(hasty.port, begun, drop=lambda: b"X-More: 1\r\n")

    assert answer == b"" and seconds < SOON_SECONDS


@pytest.mark.parametrize("begun", [b"P", b"POST / HTTP/1.1\r\nHost: localhost\r\nX: "])
def test_more_dripping_heads_than_threads_hold_nobody_up_for_long(hasty, secret, begun):
    body = as_bytes(lost())
    with drippers(hasty.port, THREADS + 16, begun, b"a"):
        answer = hasty.send_signed(secret, body)

    assert answer.status == 200 and answer.seconds < SOON_SECONDS


def test_more_dripping_bodies_than_threads_hold_nobody_up_for_long(hasty, secret):
    body = as_bytes(lost())
    head = signed_head(secret, "Content-Length: 100000")
    with drippers(hasty.port, THREADS + 16, head, b" "):
        answer = hasty.send_signed(secret, body)

    assert answer.status == 200 and answer.seconds < SOON_SECONDS


def test_more_silent_lines_than_threads_hold_nobody_up_for_long(hasty, secret):
    body = as_bytes(lost())
    with drippers(hasty.port, THREADS + 16, b"", b""):
        answer = hasty.send_signed(secret, body)

    assert answer.status == 200 and answer.seconds < SOON_SECONDS


def test_those_who_never_hang_up_hold_nobody_up(hasty, secret):
    body = as_bytes(lost())
    with drippers(hasty.port, 40, head_of("Connection: close", method="GET"), b""):
        answer = hasty.send_signed(secret, body)

    assert answer.status == 200 and answer.seconds < SOON_SECONDS


def test_a_slow_sender_s_next_request_on_the_same_line_has_its_own_time(hasty, secret):
    """The end of the last request's time is not that of the next one."""
    connection = http.client.HTTPConnection("127.0.0.1", hasty.port, timeout=30)
    for _ in range(4):
        connection.request("GET", PATH)
        line = connection.sock
        assert connection.getresponse().read()
        time.sleep(0.3)
    assert line is connection.sock
    connection.close()
