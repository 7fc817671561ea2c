"""Owner of a number in any spelling: decision, identity, registration."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from django.db import IntegrityError, transaction

from accounts.models import Account, Workspace
from accounts.operators.registration import register
from accounts.state.observations import Verdict
from accounts.words.status import Source, Status
from gateways.base import Reason
from tests.accounts.store.threads import meanwhile
from tests.cast import left_behind, see, see_session

LID = "100000000000783"
SPELT = [
    ("5511987654321", "551187654321"),
    ("525512345678", "5215512345678"),
    ("541112345678", "5491112345678"),
    ("22507123456", "2250707123456"),
    ("2290197123456", "22997123456"),
]
both_ways = pytest.mark.parametrize(
    ("ours", "theirs"), [*SPELT, *((b, a) for a, b in SPELT)], ids=lambda number: number
)


# --- on its own session -------------------------------------------------------------------------
@both_ways
@pytest.mark.parametrize("source", [Source.WEBHOOK, Source.LIST, Source.READ])
def test_another_spelling_is_no_other_number(cast, ours, theirs, source):
    account = cast.an_account("spelt", Status.CONNECTED, phone_number=ours)

    see(account, Status.CONNECTED, at=cast.ago(1), phone_number=theirs, source=source)

    assert (account.status, account.status_reason) == (Status.CONNECTED, "")
    assert account.phone_number == ours


@pytest.mark.parametrize("source", [Source.WEBHOOK, Source.LIST, Source.READ])
@pytest.mark.parametrize("written", [f"{LID}@lid", f"{LID}:12@lid", "62811801641@hosted"])
def test_a_lid_says_nothing_of_the_number(cast, written, source):
    see(cast.alice, Status.CONNECTED, at=cast.ago(2), phone_number=written, source=source)
    assert (cast.alice.status, cast.alice.phone_number) == (Status.CONNECTED, "62811801641")

    see(cast.bob, Status.CONNECTED, at=cast.ago(1), phone_number=written, source=source)
    assert (cast.bob.status, cast.bob.phone_number) == (Status.CONNECTED, None)


# --- back from a wrong number -------------------------------------------------------------------
def wrong(cast, scanned, **fields):
    return cast.an_account(
        "wrong", Status.LOGGED_OUT, status_reason=Reason.WRONG_NUMBER,
        status_raw=f"scanned {scanned}", scanned_number=scanned, **fields,
    )  # fmt: skip


@pytest.mark.parametrize("source", [Source.LIST, Source.READ])
def test_a_read_of_the_right_number_heals_a_wrong_one(cast, source):
    account = wrong(cast, "15550206001")

    see(account, Status.CONNECTED, at=cast.ago(1), phone_number=account.phone_number, source=source)

    assert (account.status, account.status_reason) == (Status.CONNECTED, "")


def test_what_was_scanned_wrongly_stays_so_while_nobody_names_a_number(cast):
    account = wrong(cast, "15550206001")

    see(account, Status.CONNECTED, at=cast.ago(1), source=Source.READ)

    assert (account.status, account.status_reason) == (Status.LOGGED_OUT, Reason.WRONG_NUMBER)


def test_a_lid_that_was_once_called_another_number_is_forgiven(cast):
    account = wrong(cast, LID)

    see(account, Status.CONNECTED, at=cast.ago(1), source=Source.READ)

    assert (account.status, account.status_reason) == (Status.CONNECTED, "")


def test_so_is_its_own_number_in_another_spelling(cast):
    account = wrong(cast, "551187654321", phone_number="5511987654321")

    see(account, Status.CONNECTED, at=cast.ago(1), source=Source.LIST)

    assert (account.status, account.status_reason) == (Status.CONNECTED, "")


def test_a_webhook_that_names_no_number_is_asked_about(
    cast, rung, django_capture_on_commit_callbacks
):
    """wwebjs-api and WPPConnect report only "ready"; a read tells the number."""
    account = wrong(cast, "15550206001")

    with django_capture_on_commit_callbacks(execute=True):
        see(account, Status.CONNECTED, at=cast.ago(1), source=Source.WEBHOOK)

    assert rung == [("accounts.tasks.confirm_session", (cast.gateway.pk, "wrong"))]


# --- another session ----------------------------------------------------------------------------
@both_ways
def test_a_stranger_of_another_spelling_takes_the_account_over(cast, ours, theirs):
    account = cast.an_account("old", Status.DISCONNECTED, phone_number=ours)

    outcome = see_session(
        cast.gateway, "new", Status.CONNECTED, at=cast.ago(1), phone_number=theirs,
        workspace_id=cast.acme.pk,
    )  # fmt: skip
    account.refresh_from_db()

    assert outcome.verdict is Verdict.TAKEN_OVER
    assert (account.session_id, account.phone_number) == ("new", ours)
    assert left_behind(account) == {"old"}


@both_ways
def test_a_fresh_scan_of_another_spelling_is_merged(cast, ours, theirs):
    account = cast.an_account("old", Status.DISCONNECTED, phone_number=ours)

    outcome = see(cast.bob, Status.CONNECTED, at=cast.ago(1), phone_number=theirs)
    account.refresh_from_db()

    assert outcome.verdict is Verdict.MERGED
    assert (account.session_id, account.phone_number) == ("bob", ours)


@both_ways
def test_a_superseded_session_comes_back_under_another_spelling(cast, ours, theirs):
    account = cast.an_account("old", Status.CONNECTED, phone_number=ours)
    see_session(cast.gateway, "new", Status.CONNECTED, at=cast.ago(8), phone_number=ours)
    see_session(cast.gateway, "new", Status.DISCONNECTED, at=cast.ago(6))

    outcome = see_session(
        cast.gateway, "old", Status.CONNECTED, at=cast.ago(1), phone_number=theirs,
        source=Source.READ,
    )  # fmt: skip
    account.refresh_from_db()

    assert outcome.verdict is Verdict.TAKEN_BACK
    assert account.session_id == "old"


# --- registered ---------------------------------------------------------------------------------
def add(cast, number, session, workspace=None):
    return register(
        workspace=workspace or cast.acme, gateway=cast.gateway, session_id=session,
        phone_number=number, actor="olga",
    )  # fmt: skip


@both_ways
def test_another_spelling_finds_the_first_registration(cast, ours, theirs):
    first, was_made = add(cast, ours, "one")
    second, made_again = add(cast, theirs, "two")

    assert (was_made, made_again, second.pk) == (True, False, first.pk)
    assert (second.phone_number, second.session_id) == (ours, "two")


def test_the_same_session_in_another_spelling_changes_nothing(cast):
    first, _ = add(cast, "5511987654321", "one")
    before = Account.objects.values().get(pk=first.pk)

    add(cast, "551187654321", "one")

    assert Account.objects.values().get(pk=first.pk) == before


@both_ways
def test_the_database_refuses_a_second_row_of_another_spelling(cast, ours, theirs):
    cast.an_account("first", Status.PENDING, phone_number=ours)
    with pytest.raises(IntegrityError, match="unique_number_workspace"), transaction.atomic():
        cast.an_account("second", Status.PENDING, phone_number=theirs)

    elsewhere = cast.an_account("third", Status.PENDING, phone_number=theirs, workspace=cast.globex)
    assert elsewhere.pk


@pytest.mark.django_db(transaction=True)
def test_two_that_register_two_spellings_at_once_make_one_account():
    from tests.cast import make_cast

    cast = make_cast()
    with ExitStack() as until_committed, transaction.atomic():
        Workspace.objects.select_for_update().get(pk=cast.acme.pk)
        other = meanwhile(lambda: add(cast, "551187654321", "two")[0].pk)
        results = until_committed.enter_context(other)
        first = Account.objects.create(
            workspace=cast.acme, gateway=cast.gateway, session_id="one",
            phone_number="5511987654321",
        )  # fmt: skip

    assert results == [first.pk]
    assert Account.objects.filter(phone_number__startswith="5511").count() == 1


def test_a_session_is_named_by_its_bytes(cast):
    """A space at the end of a name belongs to it."""
    plain, _ = add(cast, "15550205001", "Alice")
    blank, _ = add(cast, "15550205002", "Alice ")

    see_session(cast.gateway, "Alice ", Status.CONNECTED, at=cast.now)
    plain.refresh_from_db()
    blank.refresh_from_db()

    assert (plain.status, blank.status) == (Status.PENDING, Status.CONNECTED)
