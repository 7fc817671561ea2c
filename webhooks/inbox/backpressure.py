"""Backpressure: 429 with Retry-After when more arrives than can be processed; never a silent
drop."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.conf import settings

from accounts.store.database import release_connection
from webhooks.models import Delivery
from webhooks.wire.bodies import BodyRefused
from webhooks.wire.token_bucket import Bucket

LOOKED_AT_EVERY_SECONDS = 1.0
RETRY_AFTER_PENDING_SECONDS = 5
# Senders give up after 10 s.
PATIENCE_SECONDS = 8.0
# Per gateway and process: the number processed at once; the number that wait (holding neither a
# database connection nor Python's lock); and the maximum in all, so that other gateways find a
# thread (THREADS).
WORKED_ON = settings.THREADS // 8
MOST_AT_ONCE = settings.THREADS * 3 // 4


@dataclass(slots=True)
class Queue:
    """The requests of one gateway in this process now."""

    turns: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(WORKED_ON))
    number: int = 0


class Pressure:
    """The backpressure of one process. `clock` in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[int, Bucket] = {}
        self._queues: defaultdict[int, Queue] = defaultdict(Queue)
        self._pending: dict[int, int] = {}
        self._looked_at = float("-inf")

    def admit(self, gateway_id: int) -> None:
        """Raise BodyRefused (429) if this gateway sends too fast, or too much is pending."""
        if wait := self._wait_seconds(gateway_id):
            rate = settings.WEBHOOK_MOST_PER_SECOND
            raise BodyRefused(
                429,
                f"this gateway sends more than {rate} state events a second: send it again",
                retry_after=max(1, round(wait)),
            )
        if self._has_too_many_pending(gateway_id):
            raise BodyRefused(
                429,
                "too many webhooks wait to be applied: send it again in a moment",
                retry_after=RETRY_AFTER_PENDING_SECONDS,
            )

    @contextmanager
    def turn(
        self, gateway_id: int, *, patience_seconds: float = PATIENCE_SECONDS
    ) -> Iterator[None]:
        """Wait for a turn among the requests of the same gateway: a flood delays only its own
        gateway.

        Raise BodyRefused (429).
        """
        queue = self._entered(gateway_id)
        try:
            if not queue.turns.acquire(blocking=False):
                release_connection()
                if not queue.turns.acquire(timeout=patience_seconds):
                    raise _too_many_at_once()
            try:
                yield
            finally:
                queue.turns.release()
        finally:
            with self._lock:
                queue.number -= 1

    def _entered(self, gateway_id: int) -> Queue:
        with self._lock:
            queue = self._queues[gateway_id]
            if queue.number >= MOST_AT_ONCE:
                raise _too_many_at_once()
            queue.number += 1
            return queue

    def _wait_seconds(self, gateway_id: int) -> float:
        now, rate = self._clock(), float(settings.WEBHOOK_MOST_PER_SECOND)
        with self._lock:
            bucket = self._buckets.setdefault(gateway_id, Bucket(2 * rate, now))
            return bucket.take(now, rate=rate)

    def _has_too_many_pending(self, gateway_id: int) -> bool:
        """Over the limit refuse gateways at or above their fair share; over twice it, all."""
        if self._clock() - self._looked_at >= LOOKED_AT_EVERY_SECONDS:
            self._looked_at = self._clock()
            self._pending = _pending(at_most=2 * settings.WEBHOOK_MOST_PENDING + 1)
        pending, most = self._pending, settings.WEBHOOK_MOST_PENDING
        total = sum(pending.values())
        if total <= most:
            return False
        return total > 2 * most or pending.get(gateway_id, 0) * len(pending) >= total


def _too_many_at_once() -> BodyRefused:
    return BodyRefused(
        429, "too many of this gateway's events at once: send it again", retry_after=1
    )


def _pending(*, at_most: int) -> dict[int, int]:
    """Count pending deliveries by gateway, at most up to `at_most`."""
    waiting = Delivery.objects.filter(state=Delivery.State.PENDING).order_by()
    gateway_ids = waiting.values_list("gateway_id", flat=True)[:at_most]
    return dict(Counter(gateway_ids))


pressure = Pressure()
