"""Time limits of the web server for clients that send slowly, or never hang up.

Each waiting request holds a thread. A client that sends a byte now and then never exceeds a
timeout between two bytes. So a whole head, and a whole body, have a deadline: checked before
every read from the socket, below any reader.
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from typing import Any

from gunicorn.http import parser
from gunicorn.http.errors import NoMoreData
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers import gthread

HEAD_SECONDS = 10.0
BODY_SECONDS = 30.0
# For one piece of an answer: a client that does not read it holds a thread as well.
ANSWER_SECONDS = 30.0
KEEPALIVE_SECONDS = 2
# For the first byte: after it a silent connection waits on without a thread.
SILENCE_SECONDS = 0.5
# After an answer that ends the connection, until the client hangs up too. Bytes that still arrive
# are discarded, so that the client reads our answer rather than a reset.
GOODBYE_SECONDS = 1.0
GOODBYE_BYTES = 64 * 1024


class PatientUnreader(SocketUnreader):  # type: ignore[misc]  # gunicorn has no types
    # Read ahead no more than the application asks for: the default of 1 MB is held several times
    # over by each of many large bodies.
    max_body_chunk = 64 * 1024
    ends: float | None = None
    in_body = False

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Return the received bytes.

        Raise TimeoutError within a body. In a head, where nobody could be answered, end the
        connection.
        """
        try:
            return self._in_time(size_hint)
        except TimeoutError:
            if self.in_body:
                raise
            raise NoMoreData() from None

    def _in_time(self, size_hint: int | None) -> bytes:
        if self.ends is None:
            self.ends = time.monotonic() + HEAD_SECONDS
        left = self.ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("the request came too slowly")
        usual = self.sock.gettimeout()
        self.sock.settimeout(min(left, usual or left))
        try:
            received: bytes = super().chunk(size_hint)
        finally:
            self.sock.settimeout(usual)
        return received


class PatientWorker(gthread.ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """A worker that closes a connection in the thread that answered.

    gunicorn closes it in the thread that accepts all connections: each client that did not hang
    up delayed everybody for 2 s.
    """

    def handle(self, connection: Any) -> Any:
        stays = super().handle(connection)
        if not stays:
            _say_goodbye(connection.sock)
        return stays


def _say_goodbye(connection: socket.socket) -> None:
    """Close the connection. Nothing is left to wait for afterwards."""
    ends, taken = time.monotonic() + GOODBYE_SECONDS, 0
    with suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
        while taken < GOODBYE_BYTES and (left := ends - time.monotonic()) > 0:
            connection.settimeout(left)
            if not (piece := connection.recv(4096)):
                break
            taken += len(piece)
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def be_patient() -> None:
    """Apply the deadlines to every connection from now on."""
    parser.SocketUnreader = PatientUnreader
    gthread.DEFAULT_WORKER_DATA_TIMEOUT = SILENCE_SECONDS


def head_is_read(request: Any) -> None:
    reader = request.unreader
    reader.in_body, reader.ends = True, time.monotonic() + BODY_SECONDS
    reader.sock.settimeout(ANSWER_SECONDS)


def request_is_over(request: Any) -> None:
    """Reset the deadlines: another request may follow on the same connection."""
    reader = request.unreader
    reader.in_body, reader.ends = False, time.monotonic() + KEEPALIVE_SECONDS + HEAD_SECONDS
