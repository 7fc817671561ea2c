"""Messages on their way to a business's own backend: streamed as they come in, never stored. The
backend's answer goes back to the gateway."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Protocol

from django.conf import settings

from gateways.base import GatewayError, TimedOut
from gateways.wire.backend import Backend
from gateways.wire.http import Answer
from webhooks.wire.bodies import DEADLINE_SECONDS as BODY_SECONDS
from webhooks.wire.bodies import BodyRefused

logger = logging.getLogger(__name__)
# The Node service gives up after 10 s: the answer must come before.
DEADLINE_SECONDS = 9.0
# The time that a body may take to come in, and an answer to be given.
LARGE_DEADLINE_SECONDS = DEADLINE_SECONDS + BODY_SECONDS
_PIECES_WAITING = 8


class _Aborted(Exception):
    """A relay that ended early: the body was not trusted, or not a message, or the backend was
    too slow."""


class Places:
    """The limit of this process's threads that wait for backends, in all and for each backend.

    A slow backend delays its own messages, hardly another's, and no state.
    """

    def __init__(self, *, at_once: int, of_one_backend: int) -> None:
        self.at_once, self.of_one_backend = at_once, of_one_backend
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, url: str) -> None:
        """Take a place. Raise BodyRefused (429) if none is free."""
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
            self._taken += Counter()  # drops backends without waiters

    @contextmanager
    def place(self, url: str) -> Iterator[None]:
        self.take(url)
        try:
            yield
        finally:
            self.give_back(url)


# Small bodies are authenticated before they are forwarded; large ones are not yet, and come from a
# gateway's own address only. With separate places, who fills those of large bodies takes none from
# small ones.
SMALL = Places(at_once=settings.THREADS * 3 // 8, of_one_backend=settings.THREADS // 4)
LARGE = Places(at_once=settings.THREADS * 3 // 16, of_one_backend=settings.THREADS // 8)


class Onward(Protocol):
    """A large body on its way to a backend: begun (Relay), or held back (HeldBack)."""

    def leads_to(self, url: str) -> bool:
        """Return whether it goes there; of what was begun that is settled."""

    def update(self, piece: bytes, /) -> None: ...

    def finish(self) -> Answer: ...

    def end(self) -> None: ...


class Relay:
    """One large body, streamed piece by piece as it comes in.

    Its last piece is held back until `finish`, when the body has been authenticated: a backend
    never receives a complete request that was not. The creator must call `end`. Raise
    BodyRefused (429) if too many wait for backends.
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

    def leads_to(self, url: str) -> bool:
        return self._backend.url == url

    def update(self, piece: bytes, /) -> None:
        """Send the next piece. The interface of a hash, so that it gets the same pieces as the
        hashes."""
        if self._held:
            self._put(self._held)
        self._held = bytes(piece)

    def finish(self) -> Answer:
        """Send the last piece of an authenticated body. Raise GatewayError."""
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
        """Break off the connection in the middle of the body, unless it was finished.

        The call does not wait: a backend that reads nothing keeps its place until its timeout. A
        second call is harmless.
        """
        self._is_ended.set()
        self._held = b""
        with suppress(queue.Empty):
            while True:
                self._pieces.get_nowait()

    def _put(self, piece: bytes | None) -> None:
        """Wait while the backend is slow, up to a limit; then drop the relay, so that it costs
        no more time.

        A backend that has given up gets nothing more.
        """
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
        """Return the next piece, None at the end of the body. Raise _Aborted."""
        while not self._is_ended.is_set() and time.monotonic() < self._ends:
            with suppress(queue.Empty):
                return self._pieces.get(timeout=0.1)
        raise _Aborted
