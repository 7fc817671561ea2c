"""No gateway holds a caller beyond the deadline of the call, whatever it does."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager

import pytest

from gateways.base import BadAnswer, ConnectionRefused, TimedOut, Unreachable
from gateways.wire import deadline as deadlines
from gateways.wire.http import Http
from tests.gateways.wire.sockets import answer, read_request, serving

DEADLINE_SECONDS = 0.4
DRIP_SECONDS = 0.1
# What a busy machine may add. A dripping server would hold us for a minute, another for ever.
TOLERANCE_SECONDS = 10.0
# Of calls that are answered: not the machine's load, but only a mistake of ours reaches it.
LONG_SECONDS = 30.0


def get(base_url, deadline_seconds=DEADLINE_SECONDS):
    return Http(base_url).call("GET", "/health", deadline_seconds=deadline_seconds)


def drip(connection, data):
    for value in data:
        connection.sendall(bytes([value]))
        time.sleep(DRIP_SECONDS)


def drip_headers(connection):
    read_request(connection)
    drip(connection, b"HTTP/1.1 200 OK\r\nX-Drip: " + b"a" * 600)


def drip_status_line(connection):
    read_request(connection)
    drip(connection, b"HTTP/1.1 200 " + b"O" * 600)


def drip_body(connection):
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 600\r\n\r\n")
    drip(connection, b"a" * 600)


def drip_chunks(connection):
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"1\r\na\r\n")
        time.sleep(DRIP_SECONDS)


def repeat_interim_answers(connection):
    read_request(connection)
    while True:
        connection.sendall(b"HTTP/1.1 102 Processing\r\n\r\n")
        time.sleep(DRIP_SECONDS)


def stay_silent(connection):
    while connection.recv(65536):
        pass


@contextmanager
def within_deadline():
    started = time.monotonic()
    yield
    assert time.monotonic() - started < DEADLINE_SECONDS + TOLERANCE_SECONDS


@pytest.mark.parametrize(
    "handle",
    [
        drip_headers,
        drip_status_line,
        drip_body,
        drip_chunks,
        repeat_interim_answers,
        stay_silent,
    ],
)
def test_a_dripping_or_silent_gateway_is_left_at_the_deadline(handle):
    with serving(handle) as base_url, within_deadline(), pytest.raises(TimedOut, match=r"0\.4 s"):
        get(base_url)


def test_a_body_that_never_ends_is_left_at_the_deadline_although_data_is_always_there():
    def flood(connection):
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.sendall(b"1\r\na\r\n" * 1000)

    with serving(flood) as base_url, within_deadline(), pytest.raises((TimedOut, BadAnswer)):
        get(base_url)


def test_a_tls_handshake_that_never_comes_is_left_at_the_deadline():
    with serving(stay_silent) as base_url, within_deadline(), pytest.raises(TimedOut):
        get(base_url.replace("http:", "https:"))


def test_a_full_backlog_is_left_at_the_deadline():
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(address)
        with within_deadline(), pytest.raises(TimedOut, match="no connection within"):
            get(f"http://127.0.0.1:{address[1]}")
        for one in waiting:
            one.close()


def test_a_name_that_takes_for_ever_is_left_at_the_deadline(monkeypatch):
    released = threading.Event()

    def resolve(*arguments, **options):
        released.wait(60)
        raise OSError("too late")

    monkeypatch.setattr(deadlines.socket, "getaddrinfo", resolve)
    with within_deadline(), pytest.raises(TimedOut, match="no connection within"):
        get("http://gateway.example:3001")
    released.set()


def test_a_dead_first_address_leaves_time_for_the_second(monkeypatch):
    def say_ok(connection):
        read_request(connection)
        connection.sendall(answer(b"{}"))

    with serving(say_ok) as base_url:
        port = int(base_url.rsplit(":", 1)[1])
        found = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in ("127.0.0.2", "127.0.0.1")
        ]
        monkeypatch.setattr(deadlines.socket, "getaddrinfo", lambda *_, **__: found)
        base_url = f"http://gateway.example:{port}"
        assert get(base_url, deadline_seconds=LONG_SECONDS).status_code == 200


class StandingClock:
    """The time of the deadlines: it goes on when it is told to."""

    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now


def test_the_deadline_of_one_call_does_not_shorten_the_next(monkeypatch):
    clock = StandingClock()
    monkeypatch.setattr(deadlines, "time", clock)

    def answer_slowly(connection):
        while True:
            read_request(connection)
            clock.now += 0.6 * LONG_SECONDS
            connection.sendall(answer(b"{}"))

    with serving(answer_slowly) as base_url:
        answers = [get(base_url, LONG_SECONDS).status_code for _ in range(3)]
    assert answers == [200, 200, 200]


def test_connections_are_used_again():
    connections = []

    def count(connection):
        connections.append(connection)
        while True:
            read_request(connection)
            connection.sendall(answer(b"{}"))

    with serving(count) as base_url:
        for _ in range(3):
            get(base_url, LONG_SECONDS)

    assert len(connections) == 1


def test_nobody_listening_is_refused():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(ConnectionRefused, match="Connection refused"):
        get(f"http://127.0.0.1:{port}", LONG_SECONDS)


def test_an_unknown_name_is_refused():
    with pytest.raises(ConnectionRefused):
        get("http://no-such-gateway.invalid:3001", deadline_seconds=LONG_SECONDS)


def test_a_connection_closed_before_any_answer_is_neither_refused_nor_timed_out():
    with serving(read_request) as base_url, pytest.raises(Unreachable) as error:
        get(base_url, LONG_SECONDS)

    assert type(error.value) is Unreachable
    assert "closed before any answer" in str(error.value)
