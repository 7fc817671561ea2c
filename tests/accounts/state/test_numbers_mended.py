"""Old rows that the upgrade corrects: LIDs for numbers, and second rows of one number."""

from __future__ import annotations

import importlib

import pytest
from django.db import connection

from accounts.models import Account
from accounts.words.status import Status
from gateways.base import Reason
from tests.cast import see

upgrade = importlib.import_module("accounts.migrations.0013_spellings_of_a_number")
LID = "100000000000783"


@pytest.fixture
def before(cast):
    """Restore the state before the upgrade: no constraint keeps two spellings apart."""
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX unique_number_workspace")
    return cast


def mended():
    upgrade.mend(None, None)
    return {
        row.session_id: row.phone_number for row in Account.objects.order_by("pk") if row.session_id
    }


def last_change(account):
    return account.transitions.order_by("-id").values_list(
        "from_status", "to_status", "raw", "actor"
    )[0]


def test_a_lid_is_taken_from_its_account_and_that_is_said(before, capsys):
    account = before.an_account("lid", Status.CONNECTED, phone_number=LID)

    assert mended()["lid"] is None

    why = f"{LID} is a LID, and no phone number: taken from the account"
    assert last_change(account) == ("connected", "connected", why, "upgrade")
    assert f"account {account.pk}: {why}" in capsys.readouterr().out


def test_the_next_look_gives_it_its_number(before):
    account = before.an_account("lid", Status.CONNECTED, phone_number=LID)
    mended()

    see(account, Status.CONNECTED, at=before.now, phone_number="15550109001")

    assert (account.status, account.phone_number) == (Status.CONNECTED, "15550109001")


def test_numbers_of_people_stay(before, capsys):
    long = before.an_account("long", Status.CONNECTED, phone_number="493012345678901")
    strange = before.an_account("strange", Status.CONNECTED, phone_number="9999999999999")

    found = mended()

    assert (found["long"], found["strange"]) == (long.phone_number, strange.phone_number)
    assert found["alice"] == "62811801641"
    assert not capsys.readouterr().out


@pytest.mark.parametrize("spelt", ["5511987654321", "551187654321"])
def test_of_two_spellings_the_row_that_is_in_use_keeps_the_number(before, spelt, capsys):
    other = {"5511987654321": "551187654321", "551187654321": "5511987654321"}[spelt]
    removed = before.an_account(
        "removed", Status.STOPPED, phone_number=other, archived_at=before.now,
        last_connected_at=before.now,
    )  # fmt: skip
    used = before.an_account(
        "used", Status.CONNECTED, phone_number=spelt, last_connected_at=before.ago(60)
    )
    elsewhere = before.an_account(
        "elsewhere", Status.CONNECTED, phone_number=other, workspace=before.globex
    )

    found = mended()

    assert (found["removed"], found["used"]) == (None, spelt)
    assert found["elsewhere"] == elsewhere.phone_number
    why = f"{other} is the number of account {used.pk} ({spelt}): taken from this account"
    assert last_change(removed)[2] == why
    assert why in capsys.readouterr().out


def test_what_a_lid_was_taken_for_is_forgiven_at_the_next_look(before):
    """The row has its own number, and was called wrong because of a LID."""
    account = before.an_account(
        "wrong",
        Status.LOGGED_OUT,
        status_reason=Reason.WRONG_NUMBER,
        status_raw=f"scanned {LID}",
        scanned_number=LID,
    )
    mended()

    see(account, Status.CONNECTED, at=before.now)

    assert (account.status, account.status_reason) == (Status.CONNECTED, "")
