"""An unclaimed session, connected with a known number, takes the account over."""

from __future__ import annotations

import pytest

from accounts.models import Account, SupersededSession
from accounts.state.observations import Verdict
from accounts.state.observe import observe
from accounts.state.visibility import note_listing
from accounts.store.clock import database_now
from accounts.words.status import Source, Status
from gateways.base import Reason
from tests.cast import left_behind, saw_session, see, see_session, story

SOURCES = [Source.WEBHOOK, Source.LIST]


def scan(cast, session_id="fresh", *, at, gateway=None, account=None, **fields):
    """Show the number of an account (Alice's) on another session."""
    account = account or cast.alice
    defaults = {"phone_number": account.phone_number, "workspace_id": account.workspace_id}
    return see_session(
        gateway or cast.gateway, session_id, Status.CONNECTED, at=at, **defaults | fields
    )


def superseded(session_id):
    return SupersededSession.objects.get(session_id=session_id)


@pytest.fixture
def elsewhere(cast):
    """The other gateway, serving Alice's workspace as well."""
    cast.an_account("elsewhere", Status.CONNECTED, gateway=cast.other_gateway)
    return cast.other_gateway


@pytest.mark.parametrize("source", SOURCES)
def test_it_takes_the_account_over_and_the_old_session_is_superseded(cast, source):
    outcome = scan(cast, at=cast.ago(1), source=source)
    cast.alice.refresh_from_db()

    assert (outcome.verdict, outcome.account_id) == (Verdict.TAKEN_OVER, cast.alice.pk)
    assert (cast.alice.session_id, cast.alice.status) == ("fresh", Status.CONNECTED)
    assert left_behind(cast.alice) == {"alice"}
    assert story(cast.alice) == []  # it was connected and is


def test_a_lost_account_is_connected_again_by_it(cast):
    scan(cast, account=cast.charlie, at=cast.ago(1))

    assert story(cast.charlie) == [("logged_out", "connected")]


@pytest.mark.parametrize(
    "seen",
    [Status.QR_SCANNING, Status.CONNECTING, Status.DISCONNECTED, Status.UNRESPONSIVE],
)
def test_only_a_connected_session_has_a_number(cast, seen):
    """A gateway still names the number of an earlier login while it waits for a scan."""
    outcome = see_session(
        cast.gateway, "fresh", seen, at=cast.ago(1), phone_number=cast.alice.phone_number
    )

    assert outcome.verdict is Verdict.UNKNOWN_SESSION


def test_what_was_known_of_the_old_session_says_nothing_of_the_new_one(cast):
    Account.objects.filter(pk=cast.alice.pk).update(
        unshown_since=cast.ago(30),
        connected_at=cast.ago(9000),
        proven_at=cast.ago(20),
        proof="message received",
    )

    scan(cast, at=cast.ago(1))
    cast.alice.refresh_from_db()

    assert cast.alice.unshown_since is None
    assert cast.alice.connected_at == cast.ago(1)
    assert cast.alice.proven_at is None


def test_an_older_sighting_does_not_take_over(cast):
    assert scan(cast, at=cast.ago(11)).verdict is Verdict.OLDER
    cast.alice.refresh_from_db()
    assert cast.alice.session_id == "alice"


# --- from another gateway ------------------------------------------------------------------------
@pytest.mark.parametrize("source", SOURCES)
def test_another_gateway_does_not_get_an_account_that_was_proven_lately(cast, elsewhere, source):
    Account.objects.filter(pk=cast.alice.pk).update(proven_at=cast.ago(30))

    outcome = scan(cast, gateway=elsewhere, at=cast.ago(1), source=source)
    cast.alice.refresh_from_db()

    assert (outcome.verdict, outcome.account_id) == (Verdict.DUPLICATE, cast.alice.pk)
    assert (cast.alice.gateway, cast.alice.session_id) == (cast.gateway, "alice")


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("proven_seconds_ago", [None, 601])
def test_another_gateway_gets_an_account_that_nothing_has_proven_lately(
    cast, elsewhere, source, proven_seconds_ago
):
    proven_at = proven_seconds_ago and cast.ago(proven_seconds_ago)
    Account.objects.filter(pk=cast.alice.pk).update(proven_at=proven_at)

    outcome = scan(cast, gateway=elsewhere, at=cast.ago(1), source=source)
    cast.alice.refresh_from_db()

    assert outcome.verdict is Verdict.TAKEN_OVER
    assert (cast.alice.gateway, cast.alice.session_id) == (elsewhere, "fresh")
    past = superseded("alice")
    assert (past.gateway, past.account) == (cast.gateway, cast.alice)


@pytest.mark.parametrize("gone", [Status.DISCONNECTED, Status.LOGGED_OUT, Status.QR_SCANNING])
def test_another_gateway_gets_an_account_whose_session_is_gone(cast, elsewhere, gone):
    Account.objects.filter(pk=cast.alice.pk).update(proven_at=cast.ago(30))
    see(cast.alice, gone, at=cast.ago(5))

    assert scan(cast, gateway=elsewhere, at=cast.ago(1)).verdict is Verdict.TAKEN_OVER


def test_that_its_gateway_cannot_be_seen_does_not_mean_that_it_is_gone(cast, elsewhere):
    Account.objects.filter(pk=cast.alice.pk).update(proven_at=cast.ago(60))
    blind = {"reason": Reason.UNREACHABLE, "source": Source.LIST}
    see(cast.alice, Status.UNKNOWN, at=cast.ago(5), **blind)

    assert scan(cast, gateway=elsewhere, at=cast.ago(1)).verdict is Verdict.DUPLICATE


def test_on_its_own_gateway_a_fresh_scan_always_may(cast):
    Account.objects.filter(pk=cast.alice.pk).update(proven_at=cast.ago(1))

    assert scan(cast, at=cast.ago(1)).verdict is Verdict.TAKEN_OVER


# --- confirmed, or undone ------------------------------------------------------------------------
def test_a_read_needs_no_confirmation(cast):
    scan(cast, at=cast.ago(1), source=Source.LIST)

    assert superseded("alice").confirmed_at is not None


def test_a_claim_stands_until_a_read_confirms_it(cast):
    scan(cast, at=cast.ago(5))
    assert superseded("alice").confirmed_at is None

    cast.alice.refresh_from_db()
    see(cast.alice, Status.CONNECTED, at=cast.ago(1), source=Source.READ)

    assert superseded("alice").confirmed_at is not None
    see(cast.alice, Status.DISCONNECTED, at=cast.now, reason=Reason.MISSING, source=Source.READ)
    assert (cast.alice.session_id, cast.alice.status) == ("fresh", Status.DISCONNECTED)


def deny(cast, **fields):
    cast.alice.refresh_from_db()
    defaults = {"at": cast.ago(1), "source": Source.READ}
    return see(cast.alice, fields.pop("status"), **defaults | fields)


DENIALS = [
    {"status": Status.DISCONNECTED, "reason": Reason.MISSING},
    {"status": Status.CONNECTED, "phone_number": "4915112345678"},
    {"status": Status.QR_SCANNING},
    {"status": Status.LOGGED_OUT},
]


@pytest.mark.parametrize("denial", DENIALS)
def test_a_claim_is_undone_when_a_read_denies_it(cast, denial):
    scan(cast, at=cast.ago(5))

    outcome = deny(cast, **denial)

    assert outcome.verdict is Verdict.TAKEOVER_UNDONE
    assert cast.alice.session_id == "alice"
    assert (cast.alice.status, cast.alice.status_reason) == (
        Status.UNKNOWN,
        Reason.TAKEOVER_DENIED,
    )
    assert cast.alice.last_known_status == Status.CONNECTED
    assert left_behind(cast.alice) == set()


def test_once_undone_the_first_session_is_read(cast, rung, django_capture_on_commit_callbacks):
    scan(cast, at=cast.ago(5))

    with django_capture_on_commit_callbacks(execute=True):
        deny(cast, **DENIALS[0])

    assert rung == [("accounts.tasks.confirm_session", (cast.gateway.pk, "alice"))]


def test_a_denial_that_began_before_the_claim_denies_nothing(cast):
    scan(cast, at=cast.ago(5))

    assert deny(cast, **DENIALS[0], at=cast.ago(6)).verdict is Verdict.OLDER
    assert cast.alice.session_id == "fresh"


def test_a_session_that_is_there_but_not_connected_is_not_denied(cast):
    """The session came up and went down again; the new login still counts."""
    scan(cast, at=cast.ago(5))

    outcome = deny(cast, status=Status.DISCONNECTED, reason=Reason.LISTED)

    assert outcome.verdict is Verdict.APPLIED
    assert (cast.alice.session_id, cast.alice.status) == ("fresh", Status.DISCONNECTED)


def test_a_claim_that_lists_have_agreed_with_is_not_undone_later(cast):
    """An agreeing list writes no account row, but it is a read."""
    scan(cast, at=cast.ago(5))
    note_listing(cast.gateway.pk, started=database_now(), unshown=[], shown_again=[])

    outcome = deny(cast, **DENIALS[0], at=database_now())

    assert outcome.verdict is Verdict.APPLIED
    assert (cast.alice.session_id, cast.alice.status) == ("fresh", Status.DISCONNECTED)


def test_a_list_that_does_not_show_it_or_began_before_it_confirms_nothing(cast):
    began = database_now()
    scan(cast, at=cast.ago(5))
    note_listing(cast.gateway.pk, started=began, unshown=[], shown_again=[])
    later = {"started": database_now(), "unshown": [cast.alice.pk], "shown_again": []}
    note_listing(cast.gateway.pk, **later)

    assert deny(cast, **DENIALS[0]).verdict is Verdict.TAKEOVER_UNDONE


def test_two_claims_in_a_row_are_undone_one_after_the_other(cast):
    scan(cast, "second", at=cast.ago(6))
    scan(cast, "third", at=cast.ago(5))

    deny(cast, **DENIALS[0], at=cast.ago(4))
    assert cast.alice.session_id == "second"

    deny(cast, **DENIALS[0], at=cast.ago(3))
    assert cast.alice.session_id == "alice"


def test_a_read_that_moves_it_on_settles_the_claim_before(cast):
    scan(cast, "second", at=cast.ago(6))
    scan(cast, "third", at=cast.ago(5), source=Source.LIST)

    assert deny(cast, **DENIALS[0]).verdict is Verdict.APPLIED
    assert cast.alice.session_id == "third"


def test_confirming_the_second_of_two_claims_settles_both(cast):
    observe(
        [
            saw_session(
                cast.gateway, session_id, Status.CONNECTED, at=at, phone_number="62811801641"
            )
            for session_id, at in (("second", cast.ago(6)), ("third", cast.ago(5)))
        ]
    )
    cast.alice.refresh_from_db()
    see(cast.alice, Status.CONNECTED, at=cast.ago(4), source=Source.READ)

    assert deny(cast, **DENIALS[0]).verdict is Verdict.APPLIED
    assert cast.alice.session_id == "third"


def test_undone_while_it_is_wanted_stopped_it_is_stopped(cast):
    Account.objects.filter(pk=cast.alice.pk).update(wanted="stopped")
    scan(cast, at=cast.ago(5))

    deny(cast, **DENIALS[0])

    assert (cast.alice.session_id, cast.alice.status) == ("alice", Status.STOPPED)


def test_undone_after_it_expired_it_keeps_the_last_known_word(cast):
    scan(cast, at=cast.ago(5))
    cast.alice.refresh_from_db()
    see(cast.alice, Status.UNKNOWN, at=cast.ago(4), source=Source.LIST, reason=Reason.UNREACHABLE)

    deny(cast, **DENIALS[0])

    assert cast.alice.status_reason == Reason.TAKEOVER_DENIED
    assert cast.alice.last_known_status == Status.CONNECTED


# --- one after the other ------------------------------------------------------------------------
def test_the_incidents_gateway_said_ready_twice_and_meant_it(cast):
    """Byte-identical and 17 s apart: the second changes nothing."""
    scan(cast, at=cast.ago(9))
    outcome = scan(cast, at=cast.ago(1))

    assert outcome.verdict is Verdict.REFRESHED
    assert left_behind(cast.alice) == {"alice"}


def test_in_one_batch_the_last_scan_has_it(cast):
    observe(
        [
            saw_session(
                cast.gateway, f"s{second}", Status.CONNECTED, at=cast.ago(second),
                phone_number=cast.alice.phone_number,
            )
            for second in (1, 5, 3)
        ]
    )  # fmt: skip
    cast.alice.refresh_from_db()

    assert cast.alice.session_id == "s1"
    assert left_behind(cast.alice) == {"alice", "s5", "s3"}
