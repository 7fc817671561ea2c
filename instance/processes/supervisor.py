"""The supervisor: keep an instance's processes running, and end them in order."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

from instance.processes.children import Child, last_lines
from instance.state import Trouble

DEATHS_ALLOWED = 5
WITHIN_SECONDS = 60.0
LOOK_EVERY_SECONDS = 0.2
STOP_WITHIN_SECONDS = 8.0  # for all; ten are promised, and ending their leftovers takes time
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 30.0  # for a child that is not needed: it is retried for ever


class Interrupted(BaseException):
    """A request to stop: Ctrl-C, SIGTERM, or a closed terminal.

    A BaseException, as it may be raised inside any library, and none may handle it as an error
    of its own (Redis's client does).
    """


def stop_on_signals() -> None:
    """Let Ctrl-C, SIGTERM and a closed terminal raise Interrupted, once. Not under `nohup`."""
    meant = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        meant.append(signal.SIGHUP)

    def stop(number: int, frame: object) -> None:
        # A second Ctrl-C must not interrupt the stop.
        for name in meant:
            signal.signal(name, signal.SIG_IGN)
        raise Interrupted

    for name in meant:
        signal.signal(name, stop)


class Supervisor:
    """Children in the order of their start; stopped in reverse."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.children: list[Child] = []
        self.say = say
        self._restart_at: dict[str, float] = {}

    def adopt(self, child: Child) -> None:
        """Add a child that its caller starts."""
        self.children.append(child)

    def start(self, child: Child) -> None:
        self.adopt(child)
        child.start()

    def child(self, name: str) -> Child:
        return next(child for child in self.children if child.name == name)

    def watch(self) -> None:
        """Restart every child that dies, for ever.

        Raise Trouble when one that is needed died five times in a minute.
        """
        while True:
            self.look()
            time.sleep(LOOK_EVERY_SECONDS)

    def settle(self) -> None:
        """Wait until all needed children run. Raise Trouble."""
        self.look()
        while any(child.is_needed and child.name in self._restart_at for child in self.children):
            time.sleep(LOOK_EVERY_SECONDS)
            self.look()

    def look(self) -> None:
        for child in self.children:
            child.rotate_log()
            if child.name in self._restart_at:
                self._restart(child)
            elif child.has_died():
                self._note_death(child)

    def _note_death(self, child: Child) -> None:
        now = time.monotonic()
        child.end_what_it_left()
        child.deaths = [moment for moment in child.deaths if now - moment < WITHIN_SECONDS] + [now]
        if child.is_needed and len(child.deaths) >= DEATHS_ALLOWED:
            raise Trouble(
                f"{child.name} died {DEATHS_ALLOWED} times in a minute ({child.how_it_died()}): "
                f"{last_lines(child.log)} — see {child.log}"
            )
        # Wait a little longer each time: sessions of a killed database hold its memory until they
        # notice.
        pause = min(FIRST_PAUSE_SECONDS * 2 ** (len(child.deaths) - 1), LONGEST_PAUSE_SECONDS)
        self._restart_at[child.name] = now + pause
        self.say(f"{child.name} died ({child.how_it_died()}): restarting it. Log: {child.log}")

    def _restart(self, child: Child) -> None:
        if time.monotonic() < self._restart_at[child.name]:
            return
        try:
            child.before_restart()
        except Trouble as trouble:
            if child.is_needed:
                raise
            self._restart_at[child.name] = time.monotonic() + LONGEST_PAUSE_SECONDS
            self.say(f"{child.name} is not restarted yet: {trouble}")
            return
        del self._restart_at[child.name]
        child.start()

    def stop(self) -> None:
        """Stop all, last started first. Each may take half of the time that is left, then it is
        killed."""
        ends = time.monotonic() + STOP_WITHIN_SECONDS
        for child in reversed(self.children):
            child.stop(patience_seconds=max(0.1, (ends - time.monotonic()) / 2))
        self.children.clear()
