"""Messages on their way to a business's own backend: handed through while they come in, never
kept. The backend's answer goes back to the gateway."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from gateways.backend import Backend
from gateways.base import GatewayError, TimedOut
from gateways.http import Answer
from webhooks.bodies import BodyRefused

logger = logging.getLogger(__name__)
# As long as the Node service waits for an answer.
DEADLINE_SECONDS = 10.0
LARGE_DEADLINE_SECONDS = 40.0
# Threads of this process that may wait for backends; state events find the others.
AT_ONCE = 4
_slots = threading.BoundedSemaphore(AT_ONCE)
_PIECES_WAITING = 8


class _Aborted(Exception):
    """It turned out not to be trusted, or not to be a message."""


@contextmanager
def relay_slot() -> Iterator[None]:
    """Raises BodyRefused (429) while as many as may be wait for backends: a slow one delays its own
    messages, and nobody's state."""
    _take_slot()
    try:
        yield
    finally:
        _slots.release()


def _take_slot() -> None:
    if not _slots.acquire(blocking=False):
        raise BodyRefused(
            429, "the backend that messages are handed on to is slow: send it again", retry_after=1
        )


class Relay:
    """One large body, piece by piece, on a connection of its own.

    The last piece is held back until `finish`: before that nobody has found the body trustworthy,
    and a backend never gets to see a whole request that was not. Whoever makes one must `end` it.
    Raises BodyRefused (429) where too many wait for backends.
    """

    def __init__(self, backend: Backend, *, headers: Mapping[str, str], length: int | None) -> None:
        _take_slot()
        self._ended = False
        self._backend = backend
        self._headers = dict(headers)
        if length is not None:
            self._headers["Content-Length"] = str(length)
        self._pieces: queue.Queue[bytes | type[_Aborted] | None] = queue.Queue(_PIECES_WAITING)
        self._held = b""
        self._ends = time.monotonic() + LARGE_DEADLINE_SECONDS
        self._result: Answer | GatewayError | None = None
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)
        self._thread.start()

    def goes_to(self, url: str) -> bool:
        return self._backend.url == url

    def update(self, piece: bytes, /) -> None:
        """The next piece; as a hash takes it, so that it sees what the hashes see."""
        if self._held:
            self._put(self._held)
        self._held = bytes(piece)

    def finish(self) -> Answer:
        """It may be believed: the last piece goes out. Raises GatewayError."""
        self._put(self._held)
        self._put(None)
        self._thread.join(max(0.1, self._ends - time.monotonic()) + 1)
        if self._result is None:
            raise TimedOut("the backend did not take the message in time")
        if isinstance(self._result, GatewayError):
            raise self._result
        return self._result

    def end(self) -> None:
        """Give the slot back. Unless it was finished, the connection is broken off in the middle of
        the body. Doing it twice is harmless."""
        if self._ended:
            return
        self._ended = True
        self._held = b""
        self._put(_Aborted)
        self._thread.join(1)
        _slots.release()

    def _put(self, piece: bytes | type[_Aborted] | None) -> None:
        """Waits while the backend is slow; a backend that has given up takes nothing more."""
        while self._thread.is_alive() and time.monotonic() < self._ends:
            try:
                self._pieces.put(piece, timeout=0.2)
                return
            except queue.Full:
                continue

    def _run(self) -> None:
        try:
            self._result = self._backend.hand_on(
                self._taken(), headers=self._headers, deadline_seconds=LARGE_DEADLINE_SECONDS
            )
        except GatewayError as error:
            self._result = error
        except _Aborted:
            logger.info("a message was not handed on: it turned out not to be trusted")

    def _taken(self) -> Iterator[bytes]:
        while True:
            try:
                piece = self._pieces.get(timeout=max(0.0, self._ends - time.monotonic()))
            except queue.Empty:
                raise _Aborted from None
            if piece is None:
                return
            if isinstance(piece, bytes):
                yield piece
            else:
                raise piece
