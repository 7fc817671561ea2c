"""An installation whose repairs were planned in words continues with codes."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from tests.cast import make_cast

BEFORE = [("accounts", "0012_incident_of_what_is_not_written")]
OLD_ROWS = """
UPDATE whatsapp_accounts SET next_step = 'restart (1st of 3 tries)', next_step_at = now(),
       strikes = 1, status_raw = 'scanned 4915112345678',
       status_reason = CASE session_id WHEN 'alice' THEN 'wrong_number' ELSE 'network' END
"""
ROWS = """
SELECT session_id, next_step_code, next_step_arguments::text, next_step_at, strikes, scanned_number
  FROM whatsapp_accounts WHERE session_id IN ('alice', 'bob') ORDER BY session_id
"""


def migrate(targets):
    MigrationExecutor(connection).migrate(targets)


@pytest.mark.django_db(transaction=True)
def test_sentences_are_dropped_with_their_moments_and_a_scanned_number_is_kept():
    newest = MigrationExecutor(connection).loader.graph.leaf_nodes()
    make_cast()
    try:
        migrate(BEFORE)
        with connection.cursor() as cursor:
            cursor.execute(OLD_ROWS)
        migrate(newest)
    finally:
        migrate(newest)
    with connection.cursor() as cursor:
        cursor.execute(ROWS)
        rows = cursor.fetchall()

    assert rows == [
        ("alice", "", "{}", None, 1, "4915112345678"),
        ("bob", "", "{}", None, 1, ""),
    ]
