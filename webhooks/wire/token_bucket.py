"""So often at once, then so often a second."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Bucket:
    """A token bucket: a burst, then a rate per second."""

    tokens: float
    filled_at: float

    def take(self, now: float, *, rate: float) -> float:
        """Take one token. Return 0, or the seconds until there is one."""
        if not self.has_one(now, rate=rate):
            return (1 - self.tokens) / rate
        self.tokens -= 1
        return 0.0

    def has_one(self, now: float, *, rate: float) -> bool:
        """Return whether there is one, once those are in that came since."""
        self.tokens = min(2 * rate, self.tokens + (now - self.filled_at) * rate)
        self.filled_at = now
        return self.tokens >= 1
