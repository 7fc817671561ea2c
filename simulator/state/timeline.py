"""The scheduled jobs of the simulated gateway."""

from __future__ import annotations

import heapq
import itertools
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from simulator.state.host import Host, Job


@dataclass(order=True, slots=True)
class _Entry:
    due: datetime
    number: int
    job: Job = field(compare=False)
    outlives_restart: bool = field(compare=False)


class Timeline:
    """Jobs in the order of their time.

    While it is `held` (a frozen process) only jobs that outlive a restart run: those of the
    control interface.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._entries: list[_Entry] = []
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._draining = threading.local()
        self.held = False

    def after(self, seconds: float, job: Job, *, outlives_restart: bool = False) -> None:
        due = self._host.now() + timedelta(seconds=seconds)
        with self._lock:
            heapq.heappush(self._entries, _Entry(due, next(self._numbers), job, outlives_restart))

    def forget(self) -> None:
        """Drop the jobs of a process that died."""
        with self._lock:
            self._entries = [entry for entry in self._entries if entry.outlives_restart]
            heapq.heapify(self._entries)

    def run_due(self) -> None:
        """Start every due job, and the jobs that become due by it. A call from within a job
        leaves the rest to the outer call."""
        if getattr(self._draining, "is_on", False):
            return
        self._draining.is_on = True
        try:
            while (job := self._next_due()) is not None:
                self._host.start(job)
        finally:
            self._draining.is_on = False

    def next_due_at(self) -> datetime | None:
        with self._lock:
            return min((entry.due for entry in self._entries if self._may_run(entry)), default=None)

    def _next_due(self) -> Job | None:
        now = self._host.now()
        with self._lock:
            if not self._entries or self._entries[0].due > now:
                return None
            if self._may_run(self._entries[0]):
                return heapq.heappop(self._entries).job
            for entry in sorted(self._entries):
                if entry.due > now:
                    return None
                if self._may_run(entry):
                    self._entries.remove(entry)
                    heapq.heapify(self._entries)
                    return entry.job
        return None

    def _may_run(self, entry: _Entry) -> bool:
        return entry.outlives_restart or not self.held
