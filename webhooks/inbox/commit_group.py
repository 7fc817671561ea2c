"""Group commit: whoever arrives while a commit is under way shares the next one."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from datetime import datetime, timedelta
from typing import Generic, TypeVar

logger = logging.getLogger(__name__)
MOST_TOGETHER = 100
# Longer than the clock may take to answer; by more than that, it was set back.
CLOCK_TAKES_AT_MOST = timedelta(seconds=1)
T = TypeVar("T")
R = TypeVar("R")


class _Place(Generic[T, R]):
    """One item's, from its arrival to its result. `leads`: its thread commits the next group."""

    def __init__(self, item: T) -> None:
        self.item = item
        self.since = time.monotonic()
        self.has_waited = False
        self.arrived_at: datetime | None = None
        self.woken = threading.Event()
        self.leads = False
        self.results: list[R] = []


class CommitGroup(Generic[T, R]):
    """Of the threads of one process. The first who finds nobody at it commits for all that wait;
    then the first of those who came meanwhile does. There is no thread of its own, and nobody waits
    for company.

    `together` writes them in their order, in one transaction, and gives their results; when it
    raises, each is written `alone` by its own thread, so that one which cannot be written fails by
    itself. While one of a `key` is written alone, others of that key are, too: a row that somebody
    holds delays only those that need it.
    """

    def __init__(
        self,
        *,
        together: Callable[[Sequence[tuple[T, datetime]]], Sequence[R]],
        alone: Callable[[T, datetime], R],
        now: Callable[[], datetime],
        key: Callable[[T], Hashable],
    ) -> None:
        self._together, self._alone = together, alone
        self._now, self._key = now, key
        self._last_arrival: datetime | None = None
        self._lock = threading.Lock()
        self._waiting: list[_Place[T, R]] = []
        self._is_led = False
        self._apart: Counter[Hashable] = Counter()

    def commit(self, item: T) -> R:
        """The result, once it is committed. Raises what `alone` raises."""
        place: _Place[T, R] = _Place(item)
        with self._lock:
            if self._apart[self._key(item)]:
                self._set_apart(place)
            else:
                self._waiting.append(place)
                place.leads, self._is_led = not self._is_led, True
        if not place.leads:
            place.has_waited = True
            place.woken.wait()
        if place.leads:
            self._lead()
        return place.results[0] if place.results else self._write_alone(place)

    def _lead(self) -> None:
        with self._lock:
            taken = self._waiting[:MOST_TOGETHER]
            self._waiting = self._waiting[MOST_TOGETHER:]
            group = []
            for place in taken:
                if self._apart[self._key(place.item)]:
                    self._set_apart(place)
                else:
                    group.append(place)
        results: Sequence[R] = ()
        try:
            results = self._together(self._stamped(group)) if group else ()
        except Exception as error:
            logger.warning(
                "%s webhooks are written one by one: %s", len(group), type(error).__name__
            )
        finally:
            self._hand_over(group, results)

    def _stamped(self, group: Sequence[_Place[T, R]]) -> list[tuple[T, datetime]]:
        """Add its arrival time to each, by the clock that all processes share, which is asked once,
        and always after one that arrived earlier, however long the clock took to answer."""
        now, here = self._now(), time.monotonic()
        stamped = []
        for place in group:
            waited = here - place.since if place.has_waited else 0.0
            at, last = now - timedelta(seconds=waited), self._last_arrival
            if last is not None and timedelta() < last - at < CLOCK_TAKES_AT_MOST:
                at = last + timedelta(microseconds=1)
            self._last_arrival = place.arrived_at = at
            stamped.append((place.item, at))
        return stamped

    def _hand_over(self, group: Sequence[_Place[T, R]], results: Sequence[R]) -> None:
        """Also when the leader's thread is ended: nobody may wait for ever."""
        with self._lock:
            for index, place in enumerate(group):
                if results:
                    place.results = [results[index]]
                else:
                    self._set_apart(place)
            following = self._waiting[0] if self._waiting else None
            self._is_led = following is not None
            if following is not None:
                following.leads = True
        for place in (*group, *([following] if following else ())):
            place.woken.set()

    def _set_apart(self, place: _Place[T, R]) -> None:
        self._apart[self._key(place.item)] += 1
        place.leads = False
        place.woken.set()

    def _write_alone(self, place: _Place[T, R]) -> R:
        try:
            return self._alone(place.item, place.arrived_at or self._now())
        finally:
            with self._lock:
                self._apart[self._key(place.item)] -= 1
                self._apart += Counter()  # keep only those that are above 0
