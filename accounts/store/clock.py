"""The only clock: the database's."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection

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
