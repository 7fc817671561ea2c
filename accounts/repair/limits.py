"""Limits on starts: how many sessions at once, and how soon one may be started again. Pure: values
in, values out, the clock passed in.

A moment in the future was written before the clock was set back: it limits nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartLimits:
    """The settings (docs/settings.md). `gap_after_mass_event`: time between two starts at a gateway
    that has just come back with many sessions to start."""

    in_flight_per_gateway: int
    in_flight_in_fleet: int
    account_every: timedelta
    customer_per_hour: int
    gap_after_mass_event: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Current starts at a gateway and in the fleet. `typical_seconds`: how long a start takes at
    this gateway."""

    in_flight: int
    in_fleet: int
    last_start_at: datetime | None
    after_mass_event: bool
    typical_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Position in a gateway's queue."""

    before: int
    about_seconds: int

    def __str__(self) -> str:
        """ "2 before you, about 40 s" """
        ahead = f"{self.before} before you" if self.before else "next in line"
        if not self.about_seconds:
            return ahead
        if self.about_seconds < 90:
            return f"{ahead}, about {self.about_seconds} s"
        return f"{ahead}, about {math.ceil(self.about_seconds / 60)} min"


def has_room(load: Load, limits: StartLimits, now: datetime) -> bool:
    """Return True if one more start may begin at this gateway."""
    full = load.in_flight >= limits.in_flight_per_gateway
    fleet_full = load.in_fleet >= limits.in_flight_in_fleet
    return not full and not fleet_full and _gap_ends_in(load, limits, now) <= timedelta(0)


def account_wait(last_start_at: datetime | None, limits: StartLimits, now: datetime) -> timedelta:
    """Return how long one account must wait for its next start, for any asker."""
    return _rest_of(limits.account_every, last_start_at, now)


def customer_wait(starts: Sequence[datetime], limits: StartLimits, now: datetime) -> timedelta:
    """Return how long a customer must wait for the next start. `starts`: earlier starts of this
    account by customers."""
    within = sorted(start for start in starts if now - HOUR < start <= now)
    too_many = len(within) - limits.customer_per_hour
    return within[too_many] + HOUR - now if too_many >= 0 else timedelta(0)


def place(
    before: int, load: Load, limits: StartLimits, now: datetime, *, account_waits: timedelta
) -> Place:
    """Return the position of a start with `before` others ahead of it, and when it is likely to
    begin."""
    rounds = (before + load.in_flight) // limits.in_flight_per_gateway
    wait = timedelta(seconds=rounds * load.typical_seconds)
    if load.after_mass_event:
        gaps = _gap_ends_in(load, limits, now) + before * limits.gap_after_mass_event
        wait = max(wait, gaps)
    seconds = max(wait, account_waits).total_seconds()
    # In steps of 5 s: the estimate is no more exact.
    return Place(before=before, about_seconds=math.ceil(seconds / 5) * 5)


def _gap_ends_in(load: Load, limits: StartLimits, now: datetime) -> timedelta:
    if not load.after_mass_event:
        return timedelta(0)
    return _rest_of(limits.gap_after_mass_event, load.last_start_at, now)


def _rest_of(span: timedelta, since: datetime | None, now: datetime) -> timedelta:
    if since is None or since > now:
        return timedelta(0)
    return max(timedelta(0), since + span - now)
