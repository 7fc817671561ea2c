"""The version of the keys moves with every column that a door is made of: a process that missed one
would go on with what no longer holds."""

from __future__ import annotations

from dataclasses import fields

import pytest
from django.db import connection

from accounts.models import Gateway
from webhooks.auth import keyring
from webhooks.auth.keyring import Door

WATCHED = """
SELECT attname FROM pg_trigger
JOIN pg_attribute ON attrelid = tgrelid AND attnum = ANY (tgattr)
WHERE tgrelid = %s::regclass AND tgfoid = 'accounts_keyring_changed'::regproc
"""
# Bits of pg_trigger.tgtype: INSERT, DELETE, UPDATE, TRUNCATE.
EVENTS = {4: "insert", 8: "delete", 16: "update", 32: "truncate"}


def columns_read(monkeypatch) -> set[str]:
    """Load the keys, and return the gateways' columns that this looked at. An id never changes."""
    seen: set[str] = set()
    usual = Gateway.__getattribute__

    def noting(gateway, name):
        seen.add(name)
        return usual(gateway, name)

    with monkeypatch.context() as patched:
        patched.setattr(Gateway, "__getattribute__", noting)
        keyring.forget()
        keyring.keyring("webjs", at_most_seconds=0)
    all_columns = {one.column for one in Gateway._meta.concrete_fields if not one.primary_key}
    return seen & all_columns


def columns_watched() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(WATCHED, ["accounts_gateway"])
        return {name for (name,) in cursor.fetchall()}


def watch_only(columns: set[str]) -> None:
    """Make the trigger anew, of these columns."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("DROP TRIGGER keyring_changed ON accounts_gateway")
        cursor.execute(
            f"CREATE TRIGGER keyring_changed AFTER UPDATE OF {', '.join(sorted(columns))}"
            " ON accounts_gateway FOR EACH STATEMENT EXECUTE FUNCTION accounts_keyring_changed()"
        )


def test_a_door_is_made_of_columns_that_the_database_watches(cast, monkeypatch):
    read = columns_read(monkeypatch)
    assert {one.name for one in fields(Door)} - {"gateway_id"} <= read
    assert read <= columns_watched()


def test_a_column_that_is_not_watched_is_noticed(cast, monkeypatch):
    read = columns_read(monkeypatch)
    for column in read:
        watch_only(read - {column})
        assert read - columns_watched() == {column}


def test_the_version_moves_with_each_of_them(cast, monkeypatch):
    for column in columns_read(monkeypatch):
        before = keyring._newest_version()
        with connection.cursor() as cursor:
            cursor.execute(f"UPDATE accounts_gateway SET {column} = {column}")
        assert keyring._newest_version() != before, column


@pytest.mark.django_db
@pytest.mark.parametrize("bit", EVENTS, ids=EVENTS.values())
def test_every_statement_on_the_secrets_is_watched_in_all_columns(bit):
    with connection.cursor() as cursor:
        cursor.execute(WATCHED, ["accounts_gatewaysecret"])
        assert cursor.fetchall() == []  # of no columns: it is one of all
        cursor.execute(
            "SELECT tgtype & %s FROM pg_trigger WHERE tgrelid = 'accounts_gatewaysecret'::regclass"
            " AND tgfoid = 'accounts_keyring_changed'::regproc",
            [bit],
        )
        assert cursor.fetchone() == (bit,)
