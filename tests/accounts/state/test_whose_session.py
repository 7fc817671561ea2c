"""Owner of a session: numbers, workspaces, unclaimed sessions."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from accounts.models import Account, Transition
from accounts.state.observations import Verdict
from accounts.state.observe import observe
from accounts.words.status import Source, Status
from gateways.base import Reason, normal_phone_number
from tests.cast import left_behind, saw, saw_session, see, see_session, story

OTHER_NUMBER = "4915112345678"


# --- another number on its own session ----------------------------------------------------------
@pytest.mark.parametrize("source", [Source.WEBHOOK, Source.LIST, Source.READ])
@pytest.mark.parametrize("seen", [Status.CONNECTED, Status.UNRESPONSIVE])
def test_another_number_on_its_session_is_a_wrong_number(cast, seen, source):
    see(cast.alice, seen, at=cast.ago(1), phone_number=OTHER_NUMBER, source=source)

    assert cast.alice.phone_number == "62811801641"
    assert (cast.alice.status, cast.alice.status_reason, cast.alice.status_raw) == (
        Status.LOGGED_OUT,
        Reason.WRONG_NUMBER,
        f"scanned {OTHER_NUMBER}",
    )
    assert cast.alice.scanned_number == OTHER_NUMBER


def test_a_wrong_number_stays_until_the_right_one_is_scanned(cast):
    see(cast.alice, Status.CONNECTED, at=cast.ago(5), phone_number=OTHER_NUMBER)
    see(cast.alice, Status.CONNECTED, at=cast.ago(4))
    assert (cast.alice.status, cast.alice.scanned_number) == (Status.LOGGED_OUT, OTHER_NUMBER)

    see(cast.alice, Status.CONNECTED, at=cast.ago(3), phone_number="62811801641")
    assert (cast.alice.status, cast.alice.scanned_number) == (Status.CONNECTED, "")


def test_the_number_of_an_earlier_login_means_nothing_while_it_waits_for_a_scan(cast):
    see(cast.alice, Status.QR_SCANNING, at=cast.ago(1), phone_number=OTHER_NUMBER)

    assert (cast.alice.status, cast.alice.phone_number) == (Status.QR_SCANNING, "62811801641")


def test_the_first_scan_gives_it_its_number(cast):
    see(cast.bob, Status.CONNECTED, at=cast.ago(1), phone_number=OTHER_NUMBER)

    assert (cast.bob.phone_number, cast.bob.status) == (OTHER_NUMBER, Status.CONNECTED)


def test_a_first_number_that_is_another_workspaces_is_its_own_too(cast):
    """A number is unique in a workspace, not in the world."""
    twin = cast.an_account("twin", Status.QR_SCANNING, phone_number=None, workspace=cast.globex)

    see(twin, Status.CONNECTED, at=cast.ago(1), phone_number="62811801641")

    assert twin.phone_number == "62811801641"
    cast.alice.refresh_from_db()
    assert cast.alice.phone_number == "62811801641"


def test_a_call_that_names_no_number_leaves_it_alone(cast):
    see(cast.alice, Status.DISCONNECTED, at=cast.ago(1), phone_number=None)

    assert (cast.alice.status, cast.alice.phone_number) == (Status.DISCONNECTED, "62811801641")


@pytest.mark.parametrize(
    "written",
    ["62811801641", "+62811801641", "+62 811 801 641", "62811801641@c.us", "62811801641:3@c.us"],
)
def test_a_number_has_many_forms(written):
    assert normal_phone_number(written) == "62811801641"


@pytest.mark.parametrize(
    "written",
    [None, "", " ", "null", "undefined", "NaN", "123456", "1" * 16, "@c.us", True, 6.5, []],
)
def test_what_is_no_number(written):
    assert normal_phone_number(written) is None


# --- the workspace is the account's -------------------------------------------------------------
def test_another_workspace_in_the_payload_is_ignored(cast):
    outcome = see(cast.alice, Status.DISCONNECTED, at=cast.ago(1), workspace_id=cast.globex.pk)

    assert (outcome.verdict, outcome.account_id) == (Verdict.WORKSPACE_MISMATCH, cast.alice.pk)
    assert (cast.alice.status, cast.alice.observed_at) == (Status.CONNECTED, cast.ago(10))
    assert story(cast.alice) == []


@pytest.mark.parametrize("workspace", ["globex", None])
def test_a_stranger_speaks_only_for_a_workspace_that_its_gateway_serves(cast, workspace):
    theirs = cast.an_account(
        "theirs", Status.DISCONNECTED, workspace=cast.globex, gateway=cast.other_gateway
    )

    outcome = see_session(
        cast.gateway,
        "fresh",
        Status.CONNECTED,
        at=cast.ago(1),
        phone_number=theirs.phone_number,
        workspace_id=workspace and cast.globex.pk,
    )

    assert outcome.verdict is Verdict.UNKNOWN_SESSION
    theirs.refresh_from_db()
    assert theirs.session_id == "theirs"


def test_a_number_in_two_workspaces_needs_a_word_which_is_meant(cast):
    there = cast.an_account(
        "there", Status.DISCONNECTED, workspace=cast.globex, phone_number="62811801641"
    )
    scan = {"at": cast.ago(1), "phone_number": "62811801641"}

    unclear = see_session(cast.gateway, "fresh", Status.CONNECTED, **scan)
    clear = see_session(
        cast.gateway, "fresh", Status.CONNECTED, workspace_id=cast.globex.pk, **scan
    )

    assert unclear.verdict is Verdict.UNKNOWN_SESSION
    assert (clear.verdict, clear.account_id) == (Verdict.TAKEN_OVER, there.pk)


# --- strangers ----------------------------------------------------------------------------------
@pytest.mark.parametrize("seen", [*Status, None])
@pytest.mark.parametrize("source", list(Source))
def test_an_observation_never_creates_an_account(cast, seen, source):
    before = Account.objects.count()

    outcome = see_session(
        cast.gateway, "stranger", seen, at=cast.ago(1), phone_number=OTHER_NUMBER, source=source
    )

    assert (outcome.verdict, outcome.account_id) == (Verdict.UNKNOWN_SESSION, None)
    assert Account.objects.count() == before
    assert not Transition.objects.exists()


@pytest.mark.parametrize("source", [Source.WEBHOOK, Source.CLAIM, Source.LIST, Source.READ])
def test_a_number_that_people_removed_is_not_brought_back_by_a_stranger(cast, source):
    """Archived accounts are offered for clean-up: a session that was just scanned must not end up
    there."""
    Account.objects.filter(pk=cast.alice.pk).update(archived_at=cast.ago(60), wanted="stopped")

    outcome = see_session(
        cast.gateway, "fresh", Status.CONNECTED, at=cast.ago(1),
        phone_number="62811801641", source=source,
    )  # fmt: skip
    cast.alice.refresh_from_db()

    assert outcome.verdict is Verdict.UNKNOWN_SESSION
    assert cast.alice.session_id == "alice"
    assert left_behind(cast.alice) == set()


# --- in one batch -------------------------------------------------------------------------------
def test_the_same_observation_twice_in_one_batch_changes_it_once(cast):
    gone = saw(cast.alice, Status.DISCONNECTED, at=cast.ago(1), reason=Reason.NETWORK)

    first, second = observe([gone, gone])

    assert (first.verdict, second.verdict) == (Verdict.APPLIED, Verdict.REFRESHED)
    assert story(cast.alice) == [("connected", "disconnected")]


def test_two_new_sessions_with_one_number_in_one_batch_leave_one_account(cast):
    dana = cast.an_account("dana", Status.QR_SCANNING, phone_number=None)
    scans = [
        saw(account, Status.CONNECTED, at=cast.ago(1), phone_number=OTHER_NUMBER)
        for account in (cast.bob, dana)
    ]

    first, second = observe(scans)

    assert (first.verdict, second.verdict) == (Verdict.APPLIED, Verdict.MERGED)
    assert Account.objects.get(phone_number=OTHER_NUMBER).session_id == "dana"


def test_two_strangers_with_one_number_in_one_batch_take_over_one_after_the_other(cast):
    scans = [
        saw_session(
            cast.gateway, name, Status.CONNECTED, at=cast.ago(1), phone_number="62811801641"
        )
        for name in ("first", "second")
    ]

    observe(scans)
    cast.alice.refresh_from_db()

    assert cast.alice.session_id == "second"
    assert left_behind(cast.alice) == {"alice", "first"}


# --- the database itself ------------------------------------------------------------------------
def test_the_database_refuses_a_second_row_of_a_number(cast):
    with pytest.raises(IntegrityError, match="unique_phone_workspace"), transaction.atomic():
        cast.an_account("second", Status.PENDING, phone_number="62811801641")


def test_the_database_refuses_a_second_row_of_a_session_on_one_gateway(cast):
    with pytest.raises(IntegrityError, match="unique_session_gateway"), transaction.atomic():
        cast.an_account("alice", Status.PENDING)


def test_a_session_id_may_be_on_two_gateways(cast):
    assert cast.an_account("alice", Status.PENDING, gateway=cast.other_gateway).pk
