"""Backoff with jitter: how long to wait before the next attempt. Pure."""

from __future__ import annotations

from datetime import timedelta

# Beyond this every limit is reached, and a power would only grow without bound.
MOST_STEPS = 10


def backoff(
    failed: int,
    *,
    chance: float,
    first: timedelta,
    longest: timedelta,
    growth: float = 2.0,
    least: float = 0.5,
) -> timedelta:
    """Return how long to wait after `failed` attempts (1 or more).

    The limit begins at `first` and grows by `growth` with each further failure, up to `longest`.
    The wait lies between `least` (a share of the limit: 0 is full jitter) and the whole of it,
    where `chance` in 0 … 1 says. Jitter keeps many from coming back at once.
    """
    limit = min(first * growth ** min(max(failed, 1) - 1, MOST_STEPS), longest)
    return limit * (least + (1 - least) * chance)
