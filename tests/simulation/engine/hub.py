"""The simulation's only clockwork: time, and all that goes on side by side in it. One thing runs at
a time, each in a greenlet of its own, and gives way only where it waits for a network or sleeps;
who is next is decided by the time it is due, and then by the order it was asked for."""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ALL_COMPLETED
from datetime import UTC, datetime, timedelta
from typing import Any

from greenlet import getcurrent, greenlet

START = datetime(2026, 3, 2, tzinfo=UTC)


class Killed(BaseException):
    """The process that ran this is gone: nothing of it happens any more."""


class Clock:
    """Stands in for the module `time` as well."""

    def __init__(self) -> None:
        self.now = START
        self.sleeper: Callable[[float], None] = lambda seconds: None

    def seconds(self) -> float:
        """Return the seconds since the beginning."""
        return (self.now - START).total_seconds()

    def monotonic(self) -> float:
        return 1_000.0 + self.seconds()

    perf_counter = monotonic

    def time(self) -> float:
        return self.now.timestamp()

    def sleep(self, seconds: float) -> None:
        self.sleeper(seconds)


class Actor(greenlet):
    """Something that goes on. `is_over` once it has ended, `result` or `error` with what."""

    def __init__(self, hub: Hub, run: Callable[[], Any], name: str) -> None:
        super().__init__(self._go_on, parent=hub.loop)
        self.hub, self.job, self.name = hub, run, name
        self.is_over = self.is_killed = False
        self.result: Any = None
        self.error: BaseException | None = None
        self.waiting: list[Callable[[], None]] = []
        self.ticket = 0
        self.whose = self  # the task that it is a thread of, or itself

    def _go_on(self) -> None:
        try:
            self.result = self.job()
        except Killed:
            self.is_killed = True
        except BaseException as error:  # handed to whoever waits for it
            self.error = error
        self.is_over = True
        for ring in self.waiting:
            ring()


class Hub:
    """`on_step` is called after everything that has run."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        clock.sleeper = self.sleep
        self.loop = getcurrent()
        self.may_wait: Callable[[], None] = lambda: None
        self.on_step: Callable[[str], None] = lambda name: None
        self._due: list[tuple[datetime, int, str, Callable[[], None]]] = []
        self._numbers = itertools.count()

    # --- what is due ----------------------------------------------------------------------------
    def at(self, moment: datetime, run: Callable[[], None], name: str = "") -> None:
        heapq.heappush(self._due, (moment, next(self._numbers), name, run))

    def after(self, seconds: float, run: Callable[[], None], name: str = "") -> None:
        self.at(self.clock.now + timedelta(seconds=seconds), run, name)

    def every(self, seconds: float, run: Callable[[], None], *, first: float) -> None:
        def again() -> None:
            self.after(seconds, again)
            run()

        self.after(first, again)

    def run_until(self, moment: datetime) -> None:
        while self._due and self._due[0][0] <= moment:
            due, _, name, run = heapq.heappop(self._due)
            self.clock.now = max(self.clock.now, due)
            run()
            self.on_step(name)
        self.clock.now = max(self.clock.now, moment)

    # --- what goes on side by side --------------------------------------------------------------
    def spawn(self, run: Callable[[], Any], name: str, *, seconds: float = 0.0) -> Actor:
        actor = Actor(self, run, name)
        self.after(seconds, lambda: self._begin(actor), name)
        return actor

    def begin(self, actor: Actor) -> None:
        self.after(0, lambda: self._begin(actor), actor.name)

    def _begin(self, actor: Actor) -> None:
        if not actor.is_killed:
            actor.switch()

    def sleep(self, seconds: float) -> None:
        """Pause the calling actor."""
        actor = _current()
        self.after(max(0.0, seconds), self._waker(actor), actor.name)
        self._give_way(actor)

    def wait(
        self, others: Iterable[Actor], *, at_most: float | None = None, is_any: bool = False
    ) -> bool:
        """Wait until all (or one) have ended, or the time has passed. Return whether all have
        ended."""
        actor, others = _current(), list(others)
        waker = self._waker(actor)
        left = [other for other in others if not other.is_over]
        if not left or (is_any and len(left) < len(others)):
            return not left
        count = itertools.count(1)

        def one_is_over() -> None:
            if is_any or next(count) == len(left):
                self.after(0, waker, actor.name)

        for other in left:
            other.waiting.append(one_is_over)
        if at_most is not None:
            self.after(at_most, waker, actor.name)
        self._give_way(actor)
        return all(other.is_over for other in others)

    def kill(self, actor: Actor) -> None:
        """End it at once where it waits; none of its clean-up reaches the database."""
        if actor.is_over or actor.is_killed:
            return
        actor.is_killed = True
        if actor:
            actor.throw(Killed)

    def _waker(self, actor: Actor) -> Callable[[], None]:
        """Wakes it from this wait, and from no later one."""
        actor.ticket += 1
        ticket = actor.ticket

        def wake() -> None:
            if actor.ticket == ticket and not actor.is_over and not actor.is_killed:
                actor.ticket += 1
                actor.switch()

        return wake

    def _give_way(self, actor: Actor) -> None:
        self.may_wait()
        self.loop.switch()


def _current() -> Actor:
    actor = getcurrent()
    if not isinstance(actor, Actor):
        raise RuntimeError("only what was spawned can wait")
    return actor


def current_task() -> Actor:
    """Return the task. Its threads are its own."""
    return _current().whose


def is_killed() -> bool:
    return getattr(getcurrent(), "is_killed", False)


class Future:
    """Stands in for a concurrent.futures.Future."""

    _numbers = itertools.count()

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self._number = next(self._numbers)

    def __hash__(self) -> int:
        """Hash by age, so that a set has one order."""
        return self._number

    def __eq__(self, other: object) -> bool:
        return self is other

    def result(self) -> Any:
        if not self.actor.is_over:
            self.actor.hub.wait([self.actor])
        if self.actor.error is not None:
            raise self.actor.error
        return self.actor.result


class Executor:
    """Stands in for a ThreadPoolExecutor: so many at once, begun in their order."""

    hub: Hub

    def __init__(self, max_workers: int = 8, **kwargs: object) -> None:
        self._most = max_workers
        self._waiting: deque[Actor] = deque()
        self._begun: list[Actor] = []

    def __enter__(self) -> Executor:
        return self

    def __exit__(self, *exception: object) -> None:
        while left := [actor for actor in [*self._begun, *self._waiting] if not actor.is_over]:
            self.hub.wait(left)

    def submit(self, call: Callable[..., Any], *arguments: Any) -> Future:
        task = current_task()
        actor = Actor(self.hub, lambda: call(*arguments), task.name)
        actor.whose = task
        actor.waiting.append(self._begin_next)
        self._waiting.append(actor)
        self._begin_next()
        return Future(actor)

    def map(self, call: Callable[..., Any], *arguments: Iterable[Any]) -> Iterator[Any]:
        futures = [self.submit(call, *each) for each in zip(*arguments, strict=False)]
        return (future.result() for future in futures)

    def _begin_next(self) -> None:
        self._begun = [actor for actor in self._begun if not actor.is_over]
        while self._waiting and len(self._begun) < self._most:
            actor = self._waiting.popleft()
            self._begun.append(actor)
            self.hub.begin(actor)


def wait(
    futures: Iterable[Future], timeout: float | None = None, return_when: str = ALL_COMPLETED
) -> tuple[set[Future], set[Future]]:
    """Stands in for concurrent.futures.wait."""
    asked = set(futures)
    actors = [future.actor for future in sorted(asked, key=hash)]
    if actors:
        is_any = return_when != ALL_COMPLETED
        actors[0].hub.wait(actors, at_most=timeout, is_any=is_any)
    done = {future for future in asked if future.actor.is_over}
    return done, asked - done
