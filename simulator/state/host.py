"""Where a simulated gateway lives: inside a test, with time that stands still, or in a process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NoReturn, Protocol

import httpx

Job = Callable[[], None]


class Host(Protocol):
    """What differs between a test and a process."""

    def now(self) -> datetime: ...

    def pause(self, seconds: float) -> None:
        """An answer takes its time."""

    def start(self, job: Job) -> None:
        """A job that is due."""

    def refuse(self) -> NoReturn:
        """Nobody listens."""

    def hang_up(self) -> NoReturn:
        """The process died amid an answer."""

    def hold(self, is_held: Callable[[], bool]) -> None:
        """The connection is taken, and nothing is answered while `is_held()`."""


class StillHost:
    """Time stands still until somebody moves it; jobs run in the caller's thread, in order."""

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
        """One that waits holds up nobody else."""
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
    """Real time; jobs run side by side, so that webhooks overtake each other as real ones do."""

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
