"""A simulated Node service: the same contract, with faults to order. See docs/simulator.md.

In a test: `world = still_world(deliver)`, `transport(world)` for httpx, and `mishaps` for fate.
As a process: `python -m simulator`.
"""

from __future__ import annotations

from simulator.state.host import StillHost
from simulator.state.world import World, still_world
from simulator.web.api import application
from simulator.web.transport import transport

__all__ = ["StillHost", "World", "application", "still_world", "transport"]
