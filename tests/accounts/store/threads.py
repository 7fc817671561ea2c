"""Work on other connections beside the test's own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import connection

_WAITING = """
SELECT count(*) FROM pg_stat_activity
 WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


@contextmanager
def meanwhile(work: Callable[[], object]) -> Iterator[list[object]]:
    """Start `work` on its own connection, and wait until it waits for a lock of ours.

    The list holds its result or its exception once the block is left; leave it after the commit.
    """
    results: list[object] = []

    def run() -> None:
        try:
            results.append(work())
        except Exception as error:
            results.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        _wait_until_it_waits(thread)
        yield results
    finally:
        thread.join(10)


def _wait_until_it_waits(thread: threading.Thread) -> None:
    patience = time.monotonic() + 10
    while thread.is_alive() and time.monotonic() < patience:
        with connection.cursor() as cursor:
            # Inside a transaction the view keeps its first snapshot.
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(_WAITING)
            if cursor.fetchone()[0]:
                return
    assert not thread.is_alive(), "it neither waits nor ends"
