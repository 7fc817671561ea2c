"""Waiting for locks, but not for ever."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def short_waits() -> Iterator[None]:
    """No lock is waited for longer than 2 s; what follows in the caller's transaction is as
    patient as before. (When this fails, the savepoint's rollback sees to that.)"""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('lock_timeout'), set_config('lock_timeout', '2s', true)"
        )
        [before, _] = cursor.fetchone()
        yield
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [before])
