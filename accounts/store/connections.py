"""Return the database connection to the pool during a slow wait."""

from __future__ import annotations

from django.db import connection


def release_connection() -> None:
    """Give this thread's connection back to the pool, unless a transaction is open.

    Called before a gateway is asked or a slow body is read: a thread would otherwise keep its
    connection until its task or request ends.
    """
    if not connection.in_atomic_block:
        connection.close()
