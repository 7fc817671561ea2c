"""Messages of connected sessions now and then, so that their status has proof."""

from __future__ import annotations

from datetime import datetime, timedelta

from simulator.state.settings import Failure
from simulator.world import faults
from simulator.world.world import World

STEP_SECONDS = 1.0


class TrafficSource:
    """Check every second which sessions are due to send. Off until `world.traffic.enabled`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._due: dict[str, datetime] = {}

    def step(self) -> None:
        if self._world.traffic.enabled:
            for session_id in self._speakers():
                self._speak(session_id)
        self._world.timeline.after(STEP_SECONDS, self.step, outlives_restart=True)

    def _speakers(self) -> list[str]:
        """Return the sessions that are due, and schedule the next time of each."""
        world, now = self._world, self._world.host.now()
        with world.lock:
            alive = [one.session_id for one in world.sessions.values() if one.is_alive]
            for session_id in alive:
                self._due.setdefault(session_id, now + self._wait(first=True))
            speakers = [session_id for session_id in alive if self._due[session_id] <= now]
            self._due = {one: self._due[one] for one in alive}
            self._due.update((one, now + self._wait()) for one in speakers)
        return speakers if not world.timeline.held else []

    def _wait(self, *, first: bool = False) -> timedelta:
        traffic = self._world.traffic
        least = 0.0 if first else traffic.min_seconds
        return timedelta(seconds=self._world.random.uniform(least, traffic.max_seconds))

    def _speak(self, session_id: str) -> None:
        try:
            if self._world.random.random() < 0.5:
                faults.speak(self._world, session_id)
            else:
                faults.acknowledge(self._world, session_id)
        except Failure:
            # The session died between the check and the message: a dead session sends nothing.
            return
