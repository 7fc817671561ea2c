"""Wait for locks, with a limit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.db import connection

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
