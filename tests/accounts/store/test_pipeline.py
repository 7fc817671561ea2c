"""Several statements in one round trip: each returns its own rows, and sees what is true when it
begins."""

from __future__ import annotations

import pytest
from django.db import DataError, connection

from accounts.store.database import ask


def test_each_statement_has_its_rows(db):
    assert ask("SELECT %(a)s", "SELECT 2, 3 UNION ALL SELECT 4, 5", a=1) == [
        [(1,)],
        [(2, 3), (4, 5)],
    ]


def test_one_that_returns_nothing_has_none(db):
    assert ask("SET LOCAL work_mem = '5MB'", "SELECT 1") == [[], [(1,)]]


def test_values_are_common_to_all_and_stay_values(db):
    hostile = "'; SELECT 2; --"

    assert ask("SELECT %(text)s", "SELECT %(text)s::text", text=hostile) == [[(hostile,)]] * 2


def test_later_ones_see_what_earlier_ones_wrote(cast):
    name = "UPDATE accounts_gateway SET name = 'renamed' WHERE id = %(gateway)s"
    answers = ask(
        name, "SELECT name FROM accounts_gateway WHERE id = %(gateway)s", gateway=cast.gateway.pk
    )

    assert answers == [[], [("renamed",)]]


def test_it_is_one_trip(db, django_assert_num_queries):
    with django_assert_num_queries(1):
        ask("SELECT 1", "SELECT 2")


def test_when_one_fails_it_raises(db):
    with pytest.raises(DataError):
        ask("SELECT 1", "SELECT 1 / 0", "SELECT 2")
    connection.needs_rollback = True
