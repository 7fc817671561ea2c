"""Messages on their way to a business's own backend: handed through while they come in, never
kept. The backend's answer goes back to the gateway."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from django.conf import settings

from gateways.base import GatewayError, TimedOut
from gateways.wire.backend import Backend
from gateways.wire.http import Answer
from webhooks.wire.bodies import DEADLINE_SECONDS as BODY_SECONDS
from webhooks.wire.bodies import BodyRefused

logger = logging.getLogger(__name__)
# The Node service gives up after 10 s: it is answered before that.
DEADLINE_SECONDS = 9.0
# As long as a body may take to come in, and an answer to be given.
LARGE_DEADLINE_SECONDS = DEADLINE_SECONDS + BODY_SECONDS
_PIECES_WAITING = 8


class _Aborted(Exception):
    """It turned out not to be trusted, or not to be a message, or the backend was too slow."""


class Places:
    """How many of this process's threads may wait for backends, and for any one of them: a slow
    one delays its own messages, hardly another's, and nobody's state."""

    def __init__(self, *, at_once: int, of_one_backend: int) -> None:
        self.at_once, self.of_one_backend = at_once, of_one_backend
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, url: str) -> None:
        """Raises BodyRefused (429) where there is none left."""
        with self._lock:
            if self._taken[url] >= self.of_one_backend or self._taken.total() >= self.at_once:
                raise BodyRefused(
                    429,
                    "the backend that messages are handed on to is slow: send it again",
                    retry_after=1,
                )
            self._taken[url] += 1

    def give_back(self, url: str) -> None:
        with self._lock:
            self._taken[url] -= 1
            self._taken += Counter()  # forgets whom nobody waits for

    @contextmanager
    def place(self, url: str) -> Iterator[None]:
        self.take(url)
        try:
            yield
        finally:
            self.give_back(url)


# Small ones are trusted before they are handed on; large ones are not yet, so that strangers who
# fill those places take none from these.
SMALL = Places(at_once=settings.THREADS * 3 // 8, of_one_backend=settings.THREADS // 4)
LARGE = Places(at_once=settings.THREADS * 3 // 16, of_one_backend=settings.THREADS // 8)


class Relay:
    """One large body, handed through piece by piece as it comes in.

    Its last piece is held back until `finish`: before that nobody has found the body trustworthy,
    and a backend never gets to see a whole request that was not. Whoever makes one must `end` it.
    Raises BodyRefused (429) where too many wait for backends.
    """

    def __init__(self, backend: Backend, *, headers: Mapping[str, str], length: int | None) -> None:
        LARGE.take(backend.url)
        self._backend = backend
        self._headers = dict(headers)
        if length is not None:
            self._headers["Content-Length"] = str(length)
        self._pieces: queue.Queue[bytes | None] = queue.Queue(_PIECES_WAITING)
        self._held = b""
        self._is_ended = threading.Event()
        self._ends = time.monotonic() + LARGE_DEADLINE_SECONDS
        self._patience = DEADLINE_SECONDS
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
        if not self._is_ended.is_set():
            self._thread.join(DEADLINE_SECONDS)
        if self._result is None:
            raise TimedOut("the backend did not take the message in time")
        if isinstance(self._result, GatewayError):
            raise self._result
        return self._result

    def end(self) -> None:
        """Unless it was finished, the connection is broken off in the middle of the body. Nobody
        waits for that: a backend that takes nothing keeps its place until its time is over. Doing
        it twice is harmless."""
        self._is_ended.set()
        self._held = b""
        with suppress(queue.Empty):
            while True:
                self._pieces.get_nowait()

    def _put(self, piece: bytes | None) -> None:
        """Waits while the backend is slow, but not for ever: then it is let go, and costs nobody
        more time. A backend that has given up takes nothing more."""
        began = time.monotonic()
        while self._thread.is_alive() and not self._is_ended.is_set():
            if time.monotonic() - began > self._patience:
                self._is_ended.set()
                return
            with suppress(queue.Full):
                self._pieces.put(piece, timeout=0.1)
                break
        self._patience -= time.monotonic() - began

    def _run(self) -> None:
        try:
            self._result = self._backend.hand_on(
                self._taken(), headers=self._headers, deadline_seconds=LARGE_DEADLINE_SECONDS
            )
        except GatewayError as error:
            self._result = error
        except _Aborted:
            logger.info("a large body was broken off on its way to a backend")
        finally:
            LARGE.give_back(self._backend.url)

    def _taken(self) -> Iterator[bytes]:
        while (piece := self._next()) is not None:
            yield piece

    def _next(self) -> bytes | None:
        """None: it is whole. Raises _Aborted."""
        while not self._is_ended.is_set() and time.monotonic() < self._ends:
            with suppress(queue.Empty):
                return self._pieces.get(timeout=0.1)
        raise _Aborted
