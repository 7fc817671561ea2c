"""Rows that a roll call reads: little of those that agree, all of the others."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, SupersededSession
from accounts.words.status import Status, Wanted
from gateways.base import Reason, Session, State
from reconciliation.rollcall.rows import roll_of


def listed(account, **fields):
    given = {"session_id": account.session_id, "state": State.CONNECTED}
    return Session(**given | {"phone_number": account.phone_number} | fields)


def read(scene, *sessions, is_complete=True):
    by_id = {session.session_id: session for session in sessions}
    return roll_of(scene.gateway.pk, by_id, started=scene.cast.now, is_complete=is_complete)


def test_a_connected_account_that_is_listed_so_agrees(scene):
    roll = read(scene, listed(scene.cast.alice))

    assert (roll.rows, roll.agreeing) == ([], {"alice"})


@pytest.mark.parametrize(
    "fields",
    [
        {"status": Status.QR_SCANNING},
        {"status_reason": Reason.WRONG_NUMBER},
        {"wanted": Wanted.STOPPED},
        {"archived_at": timedelta()},
        {"unshown_since": timedelta()},
        {"disproved_at": timedelta()},
        {"observed_at": timedelta(seconds=1)},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_a_row_that_says_anything_else_is_read_in_full(scene, fields):
    alice, now = scene.cast.alice, scene.cast.now
    moments = {
        name: now + value if isinstance(value, timedelta) else value
        for name, value in fields.items()
    }
    Account.objects.filter(pk=alice.pk).update(**moments)
    roll = read(scene, listed(alice))

    assert [row.account_id for row in roll.rows] == [alice.pk]
    assert not roll.agreeing


@pytest.mark.parametrize(
    "fields",
    [{"state": State.DISCONNECTED}, {"state": None}, {"phone_number": "1234567"}]
    + [{"workspace_id": 0}, {"session_id": "another"}],
    ids=str,
)
def test_so_is_one_that_the_list_says_something_else_of(scene, fields):
    roll = read(scene, listed(scene.cast.alice, **fields))

    assert [row.session_id for row in roll.rows] == ["alice"]


def test_so_is_whoever_has_a_strangers_number(scene):
    stranger = listed(scene.cast.alice, session_id="stranger")
    roll = read(scene, listed(scene.cast.alice), stranger)

    assert [row.session_id for row in roll.rows] == ["alice"]


def test_so_is_whoever_left_a_session_behind_that_is_listed(scene):
    alice = scene.cast.alice
    SupersededSession.objects.create(gateway=scene.gateway, session_id="old", account=alice)
    roll = read(scene, listed(alice), Session(session_id="old", state=State.CONNECTED))

    assert roll.superseded == {"old": alice.pk}
    assert [row.session_id for row in roll.rows] == ["alice"]


def test_an_incomplete_list_is_compared_with_every_row(scene):
    roll = read(scene, listed(scene.cast.alice), is_complete=False)

    assert [row.session_id for row in roll.rows] == ["alice"]


@pytest.mark.parametrize("drifted", [False, True], ids=["that agree", "that all differ"])
def test_a_pass_of_hundreds_takes_as_many_statements_as_one_of_three(scene, drifted):
    def statements(accounts):
        there = Account.objects.count()
        for number in range(there, accounts):
            scene.an_account(f"session-{number}")
        scene.call_roll()
        if drifted:
            Account.objects.update(status=Status.CONNECTING)
        with CaptureQueriesContext(connection) as queries:
            assert not scene.call_roll().findings or drifted
        return len(queries)

    assert statements(3) == statements(300)


@pytest.mark.parametrize(("drifted", "most"), [(False, 9), (True, 15)])
def test_a_pass_takes_few_trips_to_the_database(scene, drifted, most):
    """A round trip costs more than its query. A savepoint stands for its transaction here."""
    scene.accounts(5)
    scene.call_roll()
    if drifted:
        Account.objects.update(status=Status.CONNECTING)

    with CaptureQueriesContext(connection) as queries:
        scene.call_roll()

    assert len(queries) <= most, [query["sql"][:80] for query in queries]


def test_a_pass_that_agrees_writes_no_row(scene):
    scene.accounts(3)
    scene.call_roll()
    before = list(Account.objects.order_by("pk").values())
    scene.call_roll()

    assert list(Account.objects.order_by("pk").values()) == before
