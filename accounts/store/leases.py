"""Leases: a column says until when a row is held. One rule for all of them.

A lease that ends later than any lease can was taken before the clock was set back, so it is over
too. Up to clock.LOOKED_LATER more is normal: its holder read the clock after us.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q

from accounts.store import clock


def is_over(until: datetime | None, now: datetime, *, longest: timedelta) -> bool:
    """Return True if a lease of at most `longest` has ended; a row without one is free."""
    return until is None or until <= now or until > now + longest + clock.LOOKED_LATER


def over(column: str, now: datetime, *, longest: timedelta) -> Q:
    """Rows whose lease in `column` has ended. Rows that were never held are not among them."""
    return Q(**{f"{column}__lte": now}) | Q(**{f"{column}__gt": now + longest + clock.LOOKED_LATER})


def free(column: str, now: datetime, *, longest: timedelta) -> Q:
    """Rows that may be taken by their lease in `column`."""
    return Q(**{f"{column}__isnull": True}) | over(column, now, longest=longest)


def held(column: str, now: datetime, *, longest: timedelta) -> Q:
    """Rows that are held by their lease in `column`."""
    return Q(
        **{f"{column}__gt": now, f"{column}__lte": now + longest + clock.LOOKED_LATER},
    )


def free_sql(column: str) -> str:
    """The condition of `free` as SQL. Parameters: `now`, and `longest` from `longest_parameter`."""
    return (
        f"({column} IS NULL OR {column} <= %(now)s OR {column} > %(now)s + %(longest)s::interval)"
    )


def longest_parameter(longest: timedelta) -> timedelta:
    """The parameter `longest` of `free_sql`, for leases that may last for `longest`."""
    return longest + clock.LOOKED_LATER
