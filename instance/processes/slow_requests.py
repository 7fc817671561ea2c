"""Places for requests that come slowly. Each holds a thread, whoever sends it: nothing of it can
be believed before its end.

What comes at once, as nearly every webhook does, needs no place. Where places are short, the
slowest gives way: so that strangers who drip cannot hold up a large body that arrives.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Protocol

from webhooks.wire.bodies import Crowded

# A request's bytes may be waited for so long, in all, before it needs a place; and so long where
# its sender has none left (a head and its body may come in two packets).
GRACE_SECONDS = 0.25
SHORT_GRACE_SECONDS = 0.05
# So long nobody gives way, and who is as fast as this never does.
SETTLED_SECONDS = 2.0
FAST_BYTES_PER_SECOND = 32 * 1024


class Slow(Protocol):
    """A request under way. `give_way` ends it from another thread."""

    sender: str
    began: float
    received_bytes: int

    def give_way(self) -> None: ...


class SlowRequests:
    """The slow requests of one process. `clock` in seconds."""

    def __init__(
        self, *, at_once: int, of_one_sender: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._at_once, self._of_one_sender = at_once, of_one_sender
        self._clock = clock
        self._there: list[Slow] = []
        self._lock = threading.Lock()

    def grace_seconds(self, sender: str) -> float:
        is_full = len(self._there) >= self._at_once or self._of(sender) >= self._of_one_sender
        return SHORT_GRACE_SECONDS if is_full else GRACE_SECONDS

    def enter(self, request: Slow) -> None:
        """Take a place, if need be that of a slower one. Raise Crowded."""
        with self._lock:
            if self._of(request.sender) >= self._of_one_sender:
                self._make_way(one for one in self._there if one.sender == request.sender)
            elif len(self._there) >= self._at_once:
                self._make_way(self._there)
            self._there.append(request)

    def leave(self, request: Slow) -> None:
        """Give the place back, if it has one."""
        with self._lock:
            self._there = [one for one in self._there if one is not request]

    def _of(self, sender: str) -> int:
        return sum(one.sender == sender for one in self._there)

    def _make_way(self, among: Iterable[Slow]) -> None:
        settled = [one for one in among if self._clock() - one.began > SETTLED_SECONDS]
        slowest = min(settled, key=self._bytes_per_second, default=None)
        if slowest is None or self._bytes_per_second(slowest) >= FAST_BYTES_PER_SECOND:
            raise Crowded("too many requests come slowly")
        self._there.remove(slowest)
        slowest.give_way()

    def _bytes_per_second(self, request: Slow) -> float:
        return request.received_bytes / max(0.001, self._clock() - request.began)
