"""The surroundings of a simulated gateway: a test whose time stands still, or a process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NoReturn, Protocol

import httpx

Job = Callable[[], None]


class Host(Protocol):
    """The differences between a test and a process."""

    def now(self) -> datetime: ...

    def pause(self, seconds: float) -> None:
        """Take `seconds` for an answer."""

    def start(self, job: Job) -> None:
        """Start a job that is due."""

    def refuse(self) -> NoReturn:
        """Fail as if nobody listened on the port."""

    def hang_up(self) -> NoReturn:
        """Fail as if the process died during an answer."""

    def hold(self, is_held: Callable[[], bool]) -> None:
        """Accept the connection, and answer nothing while `is_held()`."""


class StillHost:
    """A host for tests. Time moves only on request; jobs run in the caller's thread, in order."""

    def __init__(self, start: datetime | None = None) -> None:
        self._now = start or datetime.now(tz=UTC)
        self.paused_seconds = 0.0
        self._mine = threading.local()

    def now(self) -> datetime:
        return self._now

    def move_to(self, moment: datetime) -> None:
        self._now = max(self._now, moment)

    def move_on(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)

    def pause(self, seconds: float) -> None:
        self.paused_seconds += seconds
        self._mine.seconds = self.paused_seconds_of_this_thread() + seconds

    def paused_seconds_of_this_thread(self) -> float:
        """Return the pause of this thread only: a waiting caller delays no other."""
        mine: float = getattr(self._mine, "seconds", 0.0)
        return mine

    def start(self, job: Job) -> None:
        job()

    def refuse(self) -> NoReturn:
        raise httpx.ConnectError("[Errno 111] Connection refused")

    def hang_up(self) -> NoReturn:
        raise httpx.ReadError("[Errno 104] Connection reset by peer")

    def hold(self, is_held: Callable[[], bool]) -> None:
        if is_held():
            raise httpx.ReadTimeout("the gateway is frozen")


class LiveHost:
    """A host in real time. Jobs run in parallel, so webhooks can overtake each other as real
    ones do."""

    def now(self) -> datetime:
        return datetime.now(tz=UTC)

    def pause(self, seconds: float) -> None:
        time.sleep(seconds)

    def start(self, job: Job) -> None:
        threading.Thread(target=job, daemon=True).start()

    def refuse(self) -> NoReturn:
        raise ConnectionAbortedError("the simulated gateway is stopped")

    def hang_up(self) -> NoReturn:
        raise ConnectionAbortedError("the simulated gateway died")

    def hold(self, is_held: Callable[[], bool]) -> None:
        while is_held():
            time.sleep(0.05)
