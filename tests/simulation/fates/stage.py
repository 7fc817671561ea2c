"""What every fate needs: the estate that it befalls, the seed's chances, and the time."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from tests.simulation.engine.hub import Hub
from tests.simulation.engine.worker import Worker
from tests.simulation.estate import Estate, Site


@dataclass
class Stage:
    """`note` tells the story; `on_mass_loss`: these sessions are gone at once, for so many seconds.
    `on_trouble`: for so long no restart cures this session, or all of that gateway's."""

    hub: Hub
    estate: Estate
    worker: Worker
    random: random.Random
    note: Callable[[str], None]
    on_mass_loss: Callable[[Site, set[str], float], None] = lambda site, lost, seconds: None
    on_trouble: Callable[[str, str, float], None] = lambda whom, what, seconds: None

    def soon(self, low: float, high: float, then: Callable[[], None]) -> None:
        """Between so many seconds from now."""
        self.hub.after(self.random.uniform(low, high), then, "fate")


class Fates:
    """Deeds by their names; what they share is the stage."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.random, self.hub = stage, stage.random, stage.hub
        self.soon = stage.soon
