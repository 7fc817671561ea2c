"""A session that an account once ran on changes nothing, until a read shows it alive while the
current one is lost."""

from __future__ import annotations

import pytest

from accounts.models import SupersededSession
from accounts.state.observations import Verdict
from accounts.state.observe import observe
from accounts.words.status import LOST, Source, Status
from gateways.base import Reason
from tests.cast import left_behind, saw_session, see, see_session, story


@pytest.fixture
def old(cast):
    """Return the session that Alice's account ran on before."""
    return SupersededSession.objects.create(
        gateway=cast.gateway, session_id="old", account=cast.alice, confirmed_at=cast.ago(300)
    )


@pytest.mark.parametrize("seen", [status for status in Status if status is not Status.PENDING])
@pytest.mark.parametrize("source", [Source.WEBHOOK, Source.CLAIM, Source.LIST, Source.READ])
def test_what_it_says_is_ignored(cast, old, seen, source):
    outcome = see_session(cast.gateway, "old", seen, at=cast.ago(1), source=source)
    cast.alice.refresh_from_db()

    assert (outcome.verdict, outcome.account_id) == (Verdict.SUPERSEDED, cast.alice.pk)
    assert (cast.alice.status, cast.alice.session_id) == (Status.CONNECTED, "alice")
    assert cast.alice.observed_at == cast.ago(10)
    assert story(cast.alice) == []


@pytest.mark.parametrize("lost", sorted(LOST))
@pytest.mark.parametrize("source", [Source.LIST, Source.READ])
def test_a_read_that_shows_it_connected_takes_a_lost_account_back(cast, old, lost, source):
    see(cast.alice, lost, at=cast.ago(5))

    outcome = see_session(
        cast.gateway,
        "old",
        Status.CONNECTED,
        at=cast.ago(1),
        source=source,
        phone_number=cast.alice.phone_number,
        workspace_id=cast.acme.pk,
    )
    cast.alice.refresh_from_db()

    assert outcome.verdict is Verdict.TAKEN_BACK
    assert (cast.alice.session_id, cast.alice.status) == ("old", Status.CONNECTED)
    assert left_behind(cast.alice) == {"alice"}
    assert story(cast.alice) == [("connected", lost), (lost, "connected")]


@pytest.mark.parametrize("source", [Source.WEBHOOK, Source.CLAIM])
def test_a_claim_does_not_take_it_back(cast, old, source):
    see(cast.alice, Status.DISCONNECTED, at=cast.ago(5))

    outcome = see_session(cast.gateway, "old", Status.CONNECTED, at=cast.ago(1), source=source)

    assert outcome.verdict is Verdict.SUPERSEDED


def test_a_read_older_than_the_loss_does_not_take_it_back(cast, old):
    see(cast.alice, Status.DISCONNECTED, at=cast.ago(5))

    outcome = see_session(cast.gateway, "old", Status.CONNECTED, at=cast.ago(6), source=Source.LIST)

    assert outcome.verdict is Verdict.SUPERSEDED


@pytest.mark.parametrize("word", [Status.CONNECTED, Status.CONNECTING, Status.UNKNOWN])
def test_it_does_not_take_back_what_is_not_lost(cast, old, word):
    type(cast.alice).objects.filter(pk=cast.alice.pk).update(status=word)

    outcome = see_session(cast.gateway, "old", Status.CONNECTED, at=cast.ago(1), source=Source.READ)

    assert outcome.verdict is Verdict.SUPERSEDED


@pytest.fixture
def disproved(cast, old):
    """Let a probe find nothing behind Alice's connection."""
    gone = {"source": Source.PROBE, "reason": Reason.BROWSER_GONE, "connected_at": cast.ago(3600)}
    see(cast.alice, Status.DISCONNECTED, at=cast.ago(5), **gone)
    return cast.alice


@pytest.mark.parametrize("source", [Source.LIST, Source.READ])
@pytest.mark.parametrize("login_seconds_ago", [None, 7200])
def test_hearsay_does_not_take_a_disproved_account_back(cast, disproved, source, login_seconds_ago):
    """The gateway still claims the old session, as it did the disproved one."""
    login = login_seconds_ago and cast.ago(login_seconds_ago)
    said = {"source": source, "is_cached": True, "connected_at": login}
    outcome = see_session(cast.gateway, "old", Status.CONNECTED, at=cast.ago(1), **said)
    disproved.refresh_from_db()

    assert outcome.verdict is Verdict.SUPERSEDED
    assert (disproved.session_id, disproved.status) == ("alice", Status.DISCONNECTED)


def test_a_new_login_takes_a_disproved_account_back(cast, disproved):
    said = {"source": Source.LIST, "is_cached": True, "connected_at": cast.ago(2)}
    outcome = see_session(cast.gateway, "old", Status.CONNECTED, at=cast.ago(1), **said)

    assert outcome.verdict is Verdict.TAKEN_BACK


def test_a_look_at_its_page_takes_a_disproved_account_back(cast, disproved):
    said = {"source": Source.LIST, "connected_at": cast.ago(7200)}
    outcome = see_session(cast.gateway, "old", Status.CONNECTED, at=cast.ago(1), **said)

    assert outcome.verdict is Verdict.TAKEN_BACK


def test_another_gateways_clock_says_nothing_of_a_login(cast, disproved):
    """The login is later than the disproved one, but on another clock, and before the disproof."""
    SupersededSession.objects.create(
        gateway=cast.other_gateway, session_id="far", account=cast.alice, confirmed_at=cast.ago(9)
    )
    said = {"source": Source.LIST, "is_cached": True, "connected_at": cast.ago(60)}
    outcome = see_session(cast.other_gateway, "far", Status.CONNECTED, at=cast.ago(1), **said)

    assert outcome.verdict is Verdict.SUPERSEDED


def test_with_another_number_it_does_not_take_it_back(cast, old):
    see(cast.alice, Status.DISCONNECTED, at=cast.ago(5))

    outcome = see_session(
        cast.gateway,
        "old",
        Status.CONNECTED,
        at=cast.ago(1),
        source=Source.READ,
        phone_number="4915112345678",
    )

    assert outcome.verdict is Verdict.SUPERSEDED


def test_for_another_workspace_it_does_not_take_it_back(cast, old):
    see(cast.alice, Status.DISCONNECTED, at=cast.ago(5))

    outcome = see_session(
        cast.gateway,
        "old",
        Status.CONNECTED,
        at=cast.ago(1),
        source=Source.READ,
        workspace_id=cast.globex.pk,
    )

    assert outcome.verdict is Verdict.WORKSPACE_MISMATCH
    cast.alice.refresh_from_db()
    assert cast.alice.session_id == "alice"


def test_the_same_session_id_on_another_gateway_is_somebody_elses(cast, old):
    outcome = see_session(
        cast.other_gateway, "old", Status.CONNECTED, at=cast.ago(1), source=Source.READ
    )

    assert outcome.verdict is Verdict.UNKNOWN_SESSION


def test_one_batch_in_which_the_current_is_lost_and_the_old_one_shown(cast, old):
    observe(
        [
            saw_session(cast.gateway, session_id, status, at=cast.ago(1), source=Source.LIST)
            for session_id, status in (
                ("alice", Status.DISCONNECTED),
                ("old", Status.CONNECTED),
            )
        ]
    )
    cast.alice.refresh_from_db()

    assert (cast.alice.session_id, cast.alice.status) == ("old", Status.CONNECTED)
    # Its previous session belongs to no account now.
    gone = see_session(
        cast.gateway, "alice", Status.DISCONNECTED, at=cast.now, reason=Reason.REPLACED
    )
    assert gone.verdict is Verdict.SUPERSEDED
