"""Small things in great numbers, on their way to Redis: a process collects them for a moment and
sends them together. What a process that is killed had not sent is lost, so nothing may go this way
that somebody was told is kept."""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

SENT_EVERY_SECONDS = 0.25
# More are sent at once, by whoever adds the next.
MOST = 1000
T = TypeVar("T")


class Collected(Generic[T]):
    """`send` gets all that was added since the last time, in their order, and must not raise."""

    def __init__(self, send: Callable[[Sequence[T]], None]) -> None:
        self._send = send
        self._items: list[T] = []
        self._adding, self._sending = threading.Lock(), threading.Lock()
        _all.append(self)

    def add(self, *items: T) -> None:
        """Sent at once where nobody sends in the background."""
        with self._adding:
            self._items += items
            waits = _is_in_background and len(self._items) < MOST
        if not waits:
            self.send()

    def send(self) -> None:
        with self._sending:  # one after the other, so that they arrive in their order
            with self._adding:
                items, self._items = self._items, []
            if items:
                self._send(items)


_all: list[Collected[Any]] = []
_is_in_background = False


def send_in_background() -> None:
    """Collect from now on, and send several times a second until this process ends."""
    global _is_in_background
    _is_in_background = True
    atexit.register(_send_all)
    threading.Thread(target=_go_on_sending, name="collected", daemon=True).start()


def _go_on_sending() -> None:
    while True:
        time.sleep(SENT_EVERY_SECONDS)
        _send_all()


def _send_all() -> None:
    for collected in _all:
        collected.send()
