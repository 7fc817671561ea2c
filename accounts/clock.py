"""One clock: the database's."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection

# What lies further ahead than any lease can was written before the clock was set back. By no more
# than this, it is only that somebody looked at the clock after us, and wrote before us.
LOOKED_LATER = timedelta(seconds=5)
# For a trip that is made anyway: `database_now` is one of its own.
NOW_SQL = "SELECT clock_timestamp()"


def database_now() -> datetime:
    """The database's time at this statement (not at the start of its transaction)."""
    with connection.cursor() as cursor:
        cursor.execute(NOW_SQL)
        row = cursor.fetchone()
    now: datetime = row[0]
    return now
