"""Clients of a simulated gateway, as the simulator's own tests use them."""

from __future__ import annotations

from tests.simulator.conftest import backend, client, world

__all__ = ["backend", "client", "world"]
