"""The only clock, the database's, and the leases that end by it.

A lease is a column that says until when a row is held; one rule for all of them. A lease that ends
later than any lease can was taken before the clock was set back, so it is over too. Up to
LOOKED_LATER more is normal: its holder read the clock after us.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Q

# A lease that ends later than any lease can was written before the clock was set back. Up to this
# much later is normal: another process read the clock after us and wrote before us.
LOOKED_LATER = timedelta(seconds=5)
_NOW = "SELECT clock_timestamp()"


def database_now() -> datetime:
    """Return the database's time at this statement (not at the start of its transaction)."""
    with connection.cursor() as cursor:
        cursor.execute(_NOW)
        row = cursor.fetchone()
    now: datetime = row[0]
    return now


def now_sql() -> str:
    """Return the SQL for the time, to send with other statements; `database_now` needs a round trip
    of its own."""
    return _NOW


# --- leases ---------------------------------------------------------------------------------------
def lease_is_over(until: datetime | None, now: datetime, *, longest: timedelta) -> bool:
    """Return True if a lease of at most `longest` has ended; a row without one is free."""
    return until is None or until <= now or until > now + longest + LOOKED_LATER


def lease_over(column: str, now: datetime, *, longest: timedelta) -> Q:
    """Rows whose lease in `column` has ended. Rows that were never held are not among them."""
    return Q(**{f"{column}__lte": now}) | Q(**{f"{column}__gt": now + longest + LOOKED_LATER})


def lease_free(column: str, now: datetime, *, longest: timedelta) -> Q:
    """Rows that may be taken by their lease in `column`."""
    return Q(**{f"{column}__isnull": True}) | lease_over(column, now, longest=longest)


def lease_held(column: str, now: datetime, *, longest: timedelta) -> Q:
    """Rows that are held by their lease in `column`."""
    return Q(
        **{f"{column}__gt": now, f"{column}__lte": now + longest + LOOKED_LATER},
    )


def lease_free_sql(column: str) -> str:
    """The condition of `lease_free` as SQL. Parameters: `now`, and `longest` (`longest_lease`)."""
    return (
        f"({column} IS NULL OR {column} <= %(now)s OR {column} > %(now)s + %(longest)s::interval)"
    )


def longest_lease(longest: timedelta) -> timedelta:
    """The parameter `longest` of `lease_free_sql`, for leases that may last for `longest`."""
    return longest + LOOKED_LATER
