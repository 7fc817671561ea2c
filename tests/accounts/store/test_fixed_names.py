"""Other programs read these tables: their names and columns are part of the contract."""

from __future__ import annotations

import pytest
from django.db import connection

from accounts.words.status import Status
from gateways.base import Reason
from tests.cast import see

pytestmark = pytest.mark.django_db

COLUMNS = {
    "whatsapp_accounts": {
        *("id", "uuid", "phone_number", "status", "session_id", "workspace_id"),
        *("last_activity_at", "updated_at", "status_reason", "wanted", "observed_at"),
        "gateway_id",
    },
    "account_transitions": {
        *("id", "account_id", "from_status", "to_status", "reason", "source", "actor"),
        *("observed_at", "created_at"),
    },
    "webhook_deliveries": {
        *("id", "gateway_id", "event", "session_id", "state", "attempts", "error"),
        "received_at",
    },
    "incidents": {"id", "kind", "gateway_id", "opened_at", "closed_at"},
}


def rows(sql, *values):
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


@pytest.mark.parametrize("table", COLUMNS)
def test_a_table_has_its_columns(table):
    found = rows("SELECT column_name FROM information_schema.columns WHERE table_name = %s", table)

    assert COLUMNS[table] <= {name for (name,) in found}


def test_the_constraint_on_numbers_has_its_name_and_columns():
    found = rows(
        "SELECT column_name FROM information_schema.table_constraints"
        " JOIN information_schema.key_column_usage USING (constraint_name, table_name)"
        " WHERE constraint_name = 'unique_phone_workspace' AND constraint_type = 'UNIQUE'"
        " AND table_name = 'whatsapp_accounts' ORDER BY ordinal_position"
    )

    assert found == [("phone_number",), ("workspace_id",)]


def test_the_incidents_select_runs_unchanged(cast):
    found = rows(
        "SELECT id, uuid, phone_number, status, session_id, updated_at\n"
        "FROM whatsapp_accounts WHERE phone_number = '62811801641';"
    )

    assert [row[:5] for row in found] == [
        (cast.alice.pk, cast.alice.uuid, "62811801641", "connected", "alice")
    ]


def test_the_incidents_other_select_runs_unchanged(cast):
    see(cast.alice, Status.DISCONNECTED, at=cast.ago(1), reason=Reason.MISSING)

    assert rows("SELECT status FROM whatsapp_accounts WHERE session_id='alice'") == [
        ("disconnected",)
    ]


def test_the_history_reads_as_it_happened(cast):
    at = cast.ago(1)
    see(cast.alice, Status.DISCONNECTED, at=at, reason=Reason.MISSING, actor="olga")

    found = rows(
        "SELECT account_id, from_status, to_status, reason, source, actor, observed_at"
        " FROM account_transitions"
    )

    assert found == [(cast.alice.pk, "connected", "disconnected", "missing", "webhook", "olga", at)]


def test_a_row_says_when_it_was_last_written(cast):
    before = cast.alice.updated_at

    see(cast.alice, Status.DISCONNECTED, at=cast.ago(1))

    assert cast.alice.updated_at > before
