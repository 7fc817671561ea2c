"""Refuse a signed time that is too far from now: an old request sent again, or a sender whose clock
is wrong."""

from __future__ import annotations

from webhooks.auth.untrusted import Untrusted

TOLERANCE_SECONDS = 300


def require_recent(off_seconds: float, *, tolerance_seconds: int) -> None:
    """Raise Untrusted if a time is too far from now. `off_seconds` above 0 means ahead."""
    off = round(off_seconds)
    if abs(off) > tolerance_seconds:
        way = "ahead" if off > 0 else "behind"
        raise Untrusted(
            "clock_skew",
            f"timestamp is {abs(off)} s off ({way}): check the gateway's clock "
            f"({tolerance_seconds} s are tolerated)",
            skew_seconds=off,
        )
