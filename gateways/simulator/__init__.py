"""A simulated Node service: the same contract, with faults to order. See docs/simulator.md.

In a test: `world = still_world(deliver)`, `transport(world)` for httpx, and `mishaps` for fate.
As a process: `python -m gateways.simulator`.
"""

from __future__ import annotations

from gateways.simulator.api import application
from gateways.simulator.host import StillHost
from gateways.simulator.transport import transport
from gateways.simulator.world import World, still_world

__all__ = ["StillHost", "World", "application", "still_world", "transport"]
