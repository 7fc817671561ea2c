"""One clock: the database's."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection

# What lies further ahead than any lease can was written before the clock was set back. By no more
# than this, it is only that somebody looked at the clock after us, and wrote before us.
LOOKED_LATER = timedelta(seconds=5)
_NOW = "SELECT clock_timestamp()"


def database_now() -> datetime:
    """The database's time at this statement (not at the start of its transaction)."""
    with connection.cursor() as cursor:
        cursor.execute(_NOW)
        row = cursor.fetchone()
    now: datetime = row[0]
    return now


def now_sql() -> str:
    """The statement for it, for a trip that is made anyway: `database_now` is one of its own."""
    return _NOW
