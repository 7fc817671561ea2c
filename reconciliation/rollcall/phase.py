"""Fixed moment of each gateway within the period, so that a fleet is not read all at once."""

from __future__ import annotations

import time

# The golden ratio spreads consecutive numbers evenly, for any number of gateways.
_SPREAD = 0.618033988749895


def seconds_until_phase(
    gateway_id: int, *, period_seconds: float, now_seconds: float | None = None
) -> float:
    """Return the time until the gateway's next moment. Moments are `period_seconds` apart by the
    wall clock, independent of the ticks of beat."""
    now = time.time() if now_seconds is None else now_seconds
    phase = (gateway_id * _SPREAD % 1.0) * period_seconds
    return (phase - now) % period_seconds
