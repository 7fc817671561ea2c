"""Send several statements in one round trip to the database, where round trips take most of the
time."""

from __future__ import annotations

from typing import Any

from django.db import connection


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
