"""Our own side: beat, Redis as a queue, and a worker. Each may be dead for a while; tasks come
late, out of order, twice."""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import celery
from django.db import OperationalError, connection
from django.utils.module_loading import import_string
from kombu.exceptions import OperationalError as CannotRing

from tests.simulation.engine.database import Watcher
from tests.simulation.engine.hub import Actor, Hub
from tests.simulation.engine.memory import Memory
from tests.simulation.engine.seams import beat_schedule

THREADS = 16
# They do nothing where nothing waits: they are rung only when something does.
ONLY_WHERE_SOMETHING_WAITS = {
    "webhooks.tasks.sweep_pending": (
        {"webhook_deliveries"},
        "SELECT 1 FROM webhook_deliveries WHERE state = 'pending'",
    ),
    "accounts.tasks.sweep_repairs": (
        {"account_repairs"},
        "SELECT 1 FROM account_repairs WHERE state IN ('waiting', 'running', 'unclear')",
    ),
    "accounts.tasks.read_claims_again": (
        {"whatsapp_accounts"},
        "SELECT 1 FROM whatsapp_accounts WHERE status IN ('disconnected', 'logged_out', 'blocked')"
        " AND webhook_at = status_since AND observed_at = status_since"
        " AND status_since > statement_timestamp() - interval '10 minutes'",
    ),
    "accounts.tasks.sweep_notifications": (
        {"accounts_notification", "accounts_channel"},
        "SELECT 1 FROM accounts_notification WHERE state = 'pending' UNION ALL "
        "SELECT 1 FROM accounts_channel WHERE failing_since IS NOT NULL",
    ),
}
# The routes' figures are no part of what is proven here: looked at less often than in life.
MORE_SELDOM = {"webhooks.tasks.watch_routes": 60.0}


@dataclass(slots=True)
class Message:
    task: str
    args: tuple[Any, ...]
    not_before: datetime
    expires: datetime | None


@dataclass(slots=True)
class Chances:
    """The disorder of the queue, as probabilities."""

    twice: float = 0.01
    late: float = 0.05
    late_seconds: float = 1.5


class Worker:
    def __init__(self, hub: Hub, memory: Memory, watcher: Watcher, source: random.Random) -> None:
        self.hub, self.memory, self.watcher, self.random = hub, memory, watcher, source
        self.chances = Chances()
        self.is_dead = self.beat_is_dead = False
        self.beats = 1
        self.ran: Counter[str] = Counter()
        self.on_error: Callable[[str, BaseException], None] = lambda name, error: None
        self._waits = dict.fromkeys(ONLY_WHERE_SOMETHING_WAITS, True)
        for name, (tables, _) in ONLY_WHERE_SOMETHING_WAITS.items():
            watcher.watch(name, tables)
        self.leave_out: frozenset[str] = frozenset()
        self._queue: deque[Message] = deque()
        self._running: list[Actor] = []

    # --- what the product rings -----------------------------------------------------------------
    def take(
        self,
        task: celery.Task[Any, Any],
        args: Any = None,
        kwargs: Any = None,
        countdown: float | None = None,
        expires: Any = None,
        **options: Any,
    ) -> None:
        """Replace Task.apply_async."""
        if self.memory.is_away:
            raise CannotRing("Redis is away")
        self._put(str(task.name), tuple(args or ()), countdown or 0.0, expires)

    def _put(self, name: str, args: tuple[Any, ...], countdown: float, expires: Any) -> None:
        now, delay = self.hub.clock.now, countdown + self.random.uniform(0.001, 0.02)
        if self.random.random() < self.chances.late:
            delay += self.random.uniform(0, self.chances.late_seconds)
        ends = now + timedelta(seconds=float(expires)) if expires is not None else None
        for _ in range(1 + (self.random.random() < self.chances.twice)):
            message = Message(name, args, now + timedelta(seconds=delay), ends)
            self.hub.at(message.not_before, lambda message=message: self._arrive(message), name)
            delay += self.random.uniform(0, 1)

    def _arrive(self, message: Message) -> None:
        self._queue.append(message)
        self._work()

    def _work(self) -> None:
        if self.is_dead or self.memory.is_away:
            return
        self._running = [actor for actor in self._running if not actor.is_over]
        while self._queue and len(self._running) < THREADS:
            message = self._queue.popleft()
            if message.expires is None or message.expires > self.hub.clock.now:
                self._start(message)

    def _start(self, message: Message) -> None:
        self.ran[message.task] += 1
        task = import_string(message.task)
        actor = Actor(self.hub, lambda: task.run(*message.args), message.task)
        self._running.append(actor)
        actor.waiting.append(lambda: self._ended(actor))
        actor.switch()

    def _ended(self, actor: Actor) -> None:
        if actor.error is not None and not isinstance(actor.error, OperationalError):
            self.on_error(actor.name, actor.error)
        if self._queue:
            self.hub.after(0, self._work, "worker")

    # --- the schedule ---------------------------------------------------------------------------
    def begin(self) -> None:
        schedule = beat_schedule() | MORE_SELDOM
        for number, (name, seconds) in enumerate(sorted(schedule.items())):
            if name in self.leave_out:
                continue
            first = (number * 0.37) % min(seconds, 5.0)
            self.hub.every(seconds, lambda n=name, s=seconds: self._tick(n, s), first=first)

    def _tick(self, name: str, seconds: float) -> None:
        if self.beat_is_dead or self.memory.is_away:
            return
        if not self._something_waits(name):
            return
        for _ in range(self.beats):
            self._put(name, (), 0.0, max(seconds, 5.0))

    def _something_waits(self, name: str) -> bool:
        if name not in ONLY_WHERE_SOMETHING_WAITS:
            return True
        if self.watcher.is_news(name):
            self._waits[name] = True
        if self._waits[name]:
            self._waits[name] = _finds(ONLY_WHERE_SOMETHING_WAITS[name][1])
        return self._waits[name]

    # --- what may befall it ---------------------------------------------------------------------
    def die(self) -> None:
        """kill -9: what it was at is gone, wherever it was."""
        self.is_dead = True
        running, self._running = self._running, []
        for actor in running:
            self.hub.kill(actor)

    def come_back(self) -> None:
        self.is_dead = False
        self.hub.after(0, self._work, "worker")

    def lose_redis(self) -> None:
        self.memory.is_away = True
        self.memory.lose_everything()
        self._queue.clear()

    def find_redis(self) -> None:
        self.memory.is_away = False
        self.hub.after(0, self._work, "worker")

    @property
    def is_well(self) -> bool:
        return not (self.is_dead or self.beat_is_dead or self.memory.is_away)


def _finds(sql: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"{sql} LIMIT 1")
        return cursor.fetchone() is not None
