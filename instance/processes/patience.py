"""Time limits of the web server for clients that send slowly, or never hang up.

Each waiting request holds a thread. A client that sends a byte now and then never exceeds a
timeout between two bytes. So a whole head, and a whole body, have a deadline: checked before
every read from the socket, below any reader. And only so many of one address, and of all, may
come slowly at once (slow_requests).
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from gunicorn.http import parser
from gunicorn.http.errors import NoMoreData
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers import gthread

from instance.processes.slow_requests import SlowRequests
from webhooks.wire.bodies import Crowded
from webhooks.wire.client_address import NOWHERE, client_address, normal, sender_of

HEAD_SECONDS = 10.0
BODY_SECONDS = 30.0
# For one piece of an answer: a client that does not read it holds a thread as well.
ANSWER_SECONDS = 30.0
KEEPALIVE_SECONDS = 2
# For the first byte: after it a silent connection waits on without a thread.
SILENCE_SECONDS = 0.2
# After an answer that ends the connection, until the client hangs up too. Bytes that still arrive
# are discarded, so that the client reads our answer rather than a reset.
GOODBYE_SECONDS = 1.0
GOODBYE_BYTES = 64 * 1024
GOODBYES = threading.BoundedSemaphore(4)  # more at once end without waiting


class PatientUnreader(SocketUnreader):  # type: ignore[misc]  # gunicorn has no types
    # Read ahead no more than the application asks for: the default of 1 MB is held several times
    # over by each of many large bodies.
    max_body_chunk = 64 * 1024
    slow: SlowRequests  # of this process
    peer = ""
    ends: float | None = None
    in_body = False
    sender = NOWHERE
    began = 0.0
    received_bytes = 0
    # How many bytes of the body are still to come; None where nobody knows.
    awaited_bytes: int | None = None
    _waited_seconds = 0.0
    _has_place = False
    _is_to_give_way = False

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Return the received bytes.

        Raise TimeoutError within a body. In a head, where nobody could be answered, end the
        connection.
        """
        try:
            received = self._in_time(size_hint)
        except TimeoutError:
            self.leave()
            if self.in_body:
                raise
            raise NoMoreData() from None
        self.received_bytes += len(received)
        if self.awaited_bytes is not None:
            self.awaited_bytes -= len(received)
            if self.awaited_bytes <= 0:
                self.leave()
        return received

    def begin_head(self, seconds: float) -> None:
        """Begin to wait for a head. The peer counts: nothing says yet for whom a proxy speaks."""
        self._begin(seconds, self.peer)
        self.in_body, self.awaited_bytes = False, None

    def begin_body(self, seconds: float, sender: str, awaited_bytes: int | None) -> None:
        self._begin(seconds, sender)
        self.in_body, self.awaited_bytes = True, awaited_bytes

    def _begin(self, seconds: float, sender: str) -> None:
        self.leave()
        self.began, self.received_bytes, self._waited_seconds = time.monotonic(), 0, 0.0
        self.ends, self.sender = self.began + seconds, sender

    def leave(self) -> None:
        if self._has_place:
            self._has_place = False
            self.slow.leave(self)

    def give_way(self) -> None:
        """End the wait of the thread that reads, so that it answers."""
        self._is_to_give_way = True
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_RD)

    def _in_time(self, size_hint: int | None) -> bytes:
        if self.ends is None:
            self.peer = _peer(self.sock)
            self.begin_head(HEAD_SECONDS)
        if not self._has_place:
            grace_seconds = self.slow.grace_seconds(self.sender) - self._waited_seconds
            with suppress(TimeoutError):
                return self._received(size_hint, at_most_seconds=max(0.001, grace_seconds))
            self._require_time_left()
            self.slow.enter(self)
            self._has_place = True
        received = self._received(size_hint)
        if self._is_to_give_way:
            raise Crowded("a faster one needed its place")
        return received

    def _received(self, size_hint: int | None, *, at_most_seconds: float | None = None) -> bytes:
        usual = self.sock.gettimeout()
        limits = (self._require_time_left(), usual, at_most_seconds)
        began = time.monotonic()
        self.sock.settimeout(min(limit for limit in limits if limit is not None))
        try:
            received: bytes = super().chunk(size_hint)
        finally:
            self.sock.settimeout(usual)
            self._waited_seconds += time.monotonic() - began
        return received

    def _require_time_left(self) -> float:
        """Return the seconds until the end. Raise TimeoutError after it."""
        assert self.ends is not None
        left = self.ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("the request came too slowly")
        return left


def _peer(connection: socket.socket) -> str:
    try:
        found = connection.getpeername()
    except OSError:
        return NOWHERE
    address = normal(str(found[0])) if isinstance(found, tuple) else ""
    return sender_of(address or NOWHERE)


class PatientWorker(gthread.ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """A worker that closes a connection in the thread that answered.

    gunicorn closes it in the thread that accepts all connections: each client that did not hang
    up delayed everybody for 2 s.
    """

    def handle(self, connection: Any) -> Any:
        stays = super().handle(connection)
        if connection.parser is not None:
            connection.parser.unreader.leave()
        if not stays:
            _say_goodbye(connection.sock)
        return stays


def _say_goodbye(connection: socket.socket) -> None:
    """Close the connection. Nothing is left to wait for afterwards."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
        if GOODBYES.acquire(blocking=False):
            try:
                _wait_for_its_end(connection)
            finally:
                GOODBYES.release()
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _wait_for_its_end(connection: socket.socket) -> None:
    ends, taken = time.monotonic() + GOODBYE_SECONDS, 0
    while taken < GOODBYE_BYTES and (left := ends - time.monotonic()) > 0:
        connection.settimeout(left)
        if not (piece := connection.recv(4096)):
            return
        taken += len(piece)


def be_patient(threads: int) -> None:
    """Apply the deadlines to every connection from now on.

    Of a process's threads three eighths, and for one address a quarter, may wait for requests that
    come slowly: fewer than may have large bodies, so that one that comes fast finds a place.
    """
    parser.SocketUnreader = PatientUnreader
    gthread.DEFAULT_WORKER_DATA_TIMEOUT = SILENCE_SECONDS
    PatientUnreader.slow = SlowRequests(at_once=threads * 3 // 8, of_one_sender=threads // 4)


def head_is_read(request: Any) -> None:
    reader = request.unreader
    headers: Mapping[str, str] = _joined(request.headers)
    reader.begin_body(
        BODY_SECONDS,
        sender_of(client_address(_meta(request.peer_addr, headers))),
        _awaited_bytes(headers.get("CONTENT-LENGTH", ""), len(reader.buf.getvalue())),
    )
    reader.sock.settimeout(ANSWER_SECONDS)


def _joined(headers: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    """Join headers that were sent more than once, as WSGI does."""
    found: dict[str, str] = {}
    for name, value in headers:
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


def _meta(peer: Any, headers: Mapping[str, str]) -> Mapping[str, str]:
    return {
        "REMOTE_ADDR": peer[0] if isinstance(peer, tuple) else "",
        "HTTP_X_FORWARDED_FOR": headers.get("X-FORWARDED-FOR", ""),
    }


def _awaited_bytes(length: str, there_bytes: int) -> int | None:
    is_number = length.isascii() and length.isdigit()
    return int(length[:20]) - there_bytes if is_number else None


def request_is_over(request: Any) -> None:
    """Reset the deadlines: another request may follow on the same connection."""
    request.unreader.begin_head(KEEPALIVE_SECONDS + HEAD_SECONDS)
