"""Several statements in one trip to the database, for where trips are what takes the time."""

from __future__ import annotations

from typing import Any

from django.db import connection


def ask(*statements: str, **values: Any) -> list[list[tuple[Any, ...]]]:
    """The rows of each, in their order; none of one that returns nothing. `values` are named, and
    common to all. In a transaction each sees what was committed before it begins, as if it had
    come by itself: also what one before it has waited for."""
    with connection.cursor() as cursor:
        cursor.execute(";\n".join(statements), values)
        answers = []
        while True:
            answers.append(cursor.fetchall() if cursor.description else [])
            if not cursor.nextset():
                return answers
