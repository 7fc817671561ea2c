"""An account is registered without a number, scanned, and turns out to be one that exists."""

from __future__ import annotations

import pytest

from accounts.models import Account, SupersededSession
from accounts.state.observations import Verdict
from accounts.state.observe import observe
from accounts.store.qr_codes import keep_qr, read_qr
from accounts.words.status import Source, Status
from gateways.base import Reason
from tests.cast import left_behind, saw, see, see_session, story


def scan(cast, *, at, account=None, number="62811801641", **fields):
    """Scan Bob's fresh session with Alice's phone."""
    return see(account or cast.bob, Status.CONNECTED, at=at, phone_number=number, **fields)


def test_the_account_that_has_the_number_gets_the_session(cast):
    outcome = scan(cast, at=cast.ago(1))
    cast.alice.refresh_from_db()

    assert (outcome.verdict, outcome.account_id) == (Verdict.MERGED, cast.alice.pk)
    assert (cast.alice.session_id, cast.alice.phone_number) == ("bob", "62811801641")
    assert left_behind(cast.alice) == {"alice"}


def test_the_fresh_row_stays_as_a_hidden_tombstone(cast):
    scan(cast, at=cast.ago(1))

    assert cast.bob.merged_into == cast.alice
    assert (cast.bob.session_id, cast.bob.phone_number) == (None, None)
    assert (cast.bob.status, cast.bob.status_reason) == (Status.STOPPED, Reason.MERGED)
    assert cast.bob not in Account.objects.visible()


def test_each_keeps_its_own_history(cast):
    see(cast.bob, Status.CONNECTING, at=cast.ago(6))
    see(cast.alice, Status.DISCONNECTED, at=cast.ago(5))

    scan(cast, at=cast.ago(1))

    assert story(cast.bob) == [("qr_scanning", "connecting"), ("connecting", "stopped")]
    assert story(cast.alice) == [("connected", "disconnected"), ("disconnected", "connected")]


def test_events_of_its_session_are_the_other_accounts_from_then_on(cast):
    scan(cast, at=cast.ago(5))

    outcome = see_session(cast.gateway, "bob", Status.DISCONNECTED, at=cast.ago(1))

    assert (outcome.verdict, outcome.account_id) == (Verdict.APPLIED, cast.alice.pk)


def test_events_of_its_earlier_sessions_follow_too(cast):
    SupersededSession.objects.create(
        gateway=cast.gateway, session_id="before bob", account=cast.bob, confirmed_at=cast.ago(90)
    )

    scan(cast, at=cast.ago(5))
    outcome = see_session(cast.gateway, "before bob", Status.DISCONNECTED, at=cast.ago(1))

    assert (outcome.verdict, outcome.account_id) == (Verdict.SUPERSEDED, cast.alice.pk)


def test_its_qr_code_is_forgotten(cast, django_capture_on_commit_callbacks):
    keep_qr(cast.bob.pk, "2@key", seconds=60)

    with django_capture_on_commit_callbacks(execute=True):
        scan(cast, at=cast.ago(1))

    assert read_qr(cast.bob.pk) is None


def test_the_claim_is_confirmed_by_a_read(cast, rung, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        scan(cast, at=cast.ago(1))

    assert rung == [("accounts.tasks.confirm_session", (cast.gateway.pk, "bob"))]


def test_denied_the_number_goes_back_to_its_session(cast):
    scan(cast, at=cast.ago(5))
    cast.alice.refresh_from_db()

    outcome = see(cast.alice, Status.QR_SCANNING, at=cast.ago(1), source=Source.READ)

    assert outcome.verdict is Verdict.TAKEOVER_UNDONE
    assert (cast.alice.session_id, cast.alice.status) == ("alice", Status.UNKNOWN)


def test_an_older_scan_does_not_merge(cast):
    assert scan(cast, at=cast.ago(11)).verdict is Verdict.OLDER
    assert cast.bob.merged_into is None


def test_it_is_wanted_as_the_fresh_one_was(cast):
    """The number was just added, so the newest wish counts."""
    Account.objects.filter(pk=cast.alice.pk).update(wanted="stopped", archived_at=cast.ago(90))

    scan(cast, at=cast.ago(1))
    cast.alice.refresh_from_db()

    assert (cast.alice.wanted, cast.alice.archived_at) == ("running", None)


def test_one_that_was_proven_lately_on_another_gateway_keeps_its_session(cast):
    dana = cast.an_account(
        "dana", Status.QR_SCANNING, phone_number=None, gateway=cast.other_gateway
    )
    Account.objects.filter(pk=cast.alice.pk).update(proven_at=cast.ago(30))

    outcome = scan(cast, at=cast.ago(1), account=dana)

    assert outcome.verdict is Verdict.APPLIED
    assert (dana.status, dana.phone_number, dana.merged_into) == (Status.CONNECTED, None, None)


def test_fresh_rows_merge_one_after_the_other_into_the_same_account(cast):
    dana = cast.an_account("dana", Status.QR_SCANNING, phone_number=None)

    scan(cast, at=cast.ago(3))
    scan(cast, at=cast.ago(2), account=dana)
    cast.alice.refresh_from_db()

    assert cast.alice.session_id == "dana"
    assert left_behind(cast.alice) == {"alice", "bob"}
    assert set(cast.alice.merged.all()) == {cast.bob, dana}


def test_a_batch_that_merges_and_goes_on_is_read_in_order(cast):
    dana = cast.an_account("dana", Status.QR_SCANNING, phone_number=None)
    number = cast.alice.phone_number

    observe(
        [
            saw(dana, Status.DISCONNECTED, at=cast.ago(1), reason=Reason.NETWORK),
            saw(dana, Status.CONNECTED, at=cast.ago(2), phone_number=number),
            saw(cast.bob, Status.CONNECTED, at=cast.ago(3), phone_number=number),
        ]
    )
    cast.alice.refresh_from_db()

    assert (cast.alice.session_id, cast.alice.status) == ("dana", Status.DISCONNECTED)
    assert Account.objects.filter(merged_into=cast.alice).count() == 2


@pytest.mark.parametrize("seen", [Status.QR_SCANNING, Status.CONNECTING, Status.DISCONNECTED])
def test_only_a_connected_session_merges(cast, seen):
    """An unconnected session may show the number of an earlier login."""
    outcome = see(cast.bob, seen, at=cast.ago(1), phone_number="62811801641")

    assert outcome.verdict in (Verdict.APPLIED, Verdict.REFRESHED)
    assert cast.bob.merged_into is None
