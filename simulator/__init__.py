"""A simulated Node service: the same contract, with faults on demand. See docs/simulator.md.

In a test: `world = still_world(deliver)`, `transport(world)` for httpx, and `faults` for what
goes wrong. As a process: `python -m simulator`.
"""

from __future__ import annotations

from simulator.served.api import application
from simulator.served.transport import transport
from simulator.state.host import StillHost
from simulator.world.world import World, still_world

__all__ = ["StillHost", "World", "application", "still_world", "transport"]
