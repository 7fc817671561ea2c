"""The connection to the database: return to the pool, wait for locks, several statements in one
round trip."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db import connection


def release_connection() -> None:
    """Give this thread's connection back to the pool, unless a transaction is open.

    Called before a gateway is asked or a slow body is read: a thread would otherwise keep its
    connection until its task or request ends.
    """
    if not connection.in_atomic_block:
        connection.close()


_is_short: ContextVar[bool] = ContextVar("accounts_short_waits", default=False)


@contextmanager
def short_waits(*, to_the_end: bool = False, milliseconds: int = 2000) -> Iterator[None]:
    """Limit the wait for any lock, and restore the caller's limit afterwards.

    On failure the savepoint's rollback restores it. Nested use costs nothing. `to_the_end`: nothing
    follows in the transaction, so nothing is restored.
    """
    if _is_short.get():
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('lock_timeout'), set_config('lock_timeout', %s, true)",
            [str(milliseconds)],
        )
        [before, _] = cursor.fetchone()
        token = _is_short.set(True)
        try:
            yield
        finally:
            _is_short.reset(token)
        if not to_the_end:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [before])


def ask(*statements: str, **values: Any) -> list[list[tuple[Any, ...]]]:
    """Return the rows of each statement, in order; an empty list for a statement without rows.

    `values` are named and shared by all statements. In a transaction each statement sees what was
    committed before it begins, as if sent alone. That includes commits that an earlier statement
    waited for.
    """
    with connection.cursor() as cursor:
        cursor.execute(";\n".join(statements), values)
        answers = []
        while True:
            answers.append(cursor.fetchall() if cursor.description else [])
            if not cursor.nextset():
                return answers
