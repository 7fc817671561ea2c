"""The same state again, newer: only freshness moves."""

from __future__ import annotations

from accounts.state.observations import Verdict
from accounts.words.status import Source, Status
from gateways.base import Reason
from tests.cast import see, story


def test_it_moves_freshness_and_nothing_else(cast):
    outcome = see(cast.alice, Status.CONNECTED, at=cast.ago(1), source=Source.LIST)

    assert outcome.verdict is Verdict.REFRESHED
    assert cast.alice.observed_at == cast.alice.read_at == cast.ago(1)
    assert cast.alice.last_connected_at == cast.ago(1)
    assert cast.alice.status_since == cast.ago(600)
    assert story(cast.alice) == []


def test_it_does_not_undo_what_was_confirmed_meanwhile(cast):
    """A list of 12:03 that arrives late says nothing against a confirmation at 12:05."""
    see(cast.alice, Status.CONNECTED, at=cast.ago(1), source=Source.READ)

    assert see(cast.alice, Status.DISCONNECTED, at=cast.ago(3)).verdict is Verdict.OLDER


def test_it_tells_apart_a_claim_from_a_read(cast):
    see(cast.alice, Status.CONNECTED, at=cast.ago(1), source=Source.WEBHOOK)

    assert cast.alice.observed_at == cast.ago(1)
    assert cast.alice.read_at == cast.ago(10)


def test_it_keeps_since_when_it_is_connected(cast):
    see(cast.bob, Status.CONNECTED, at=cast.ago(5))
    see(cast.bob, Status.CONNECTED, at=cast.ago(1))

    assert cast.bob.connected_at == cast.ago(5)
    assert cast.bob.last_connected_at == cast.ago(1)


def test_it_prefers_what_the_gateway_says_of_since_when(cast):
    see(cast.bob, Status.CONNECTED, at=cast.ago(5), connected_at=cast.ago(9))

    assert cast.bob.connected_at == cast.ago(9)


def test_a_session_in_a_word_nobody_knows_is_there_but_not_fresh(cast):
    outcome = see(cast.alice, None, at=cast.ago(1), source=Source.LIST, raw="dozing")

    assert outcome.verdict is Verdict.REFRESHED
    assert cast.alice.status == Status.CONNECTED
    assert cast.alice.read_at == cast.ago(10)


def test_what_says_nothing_of_the_state_does_not_fence_it(cast):
    """A list that began before the unknown status was read still says more."""
    see(cast.alice, None, at=cast.ago(1), source=Source.READ)

    outcome = see(cast.alice, Status.DISCONNECTED, at=cast.ago(2), source=Source.LIST)

    assert outcome.verdict is Verdict.APPLIED


def test_a_qr_code_seen_is_remembered_only_when_the_gateway_sent_it(cast):
    see(cast.bob, Status.QR_SCANNING, at=cast.ago(4), source=Source.LIST)
    assert cast.bob.qr_seen_at is None

    see(cast.bob, Status.QR_SCANNING, at=cast.ago(3), source=Source.WEBHOOK)
    assert cast.bob.qr_seen_at == cast.ago(3)


def test_a_reason_that_says_more_replaces_one_that_says_less(cast):
    see(cast.alice, Status.DISCONNECTED, at=cast.ago(5), reason=Reason.LISTED, source=Source.LIST)
    see(cast.alice, Status.DISCONNECTED, at=cast.ago(4), reason=Reason.NETWORK, raw="TIMEOUT")

    assert (cast.alice.status_reason, cast.alice.status_raw) == (Reason.NETWORK, "TIMEOUT")
    changed = [("connected", "disconnected"), ("disconnected", "disconnected")]
    assert story(cast.alice) == changed


def test_a_reason_that_says_less_does_not_replace_one_that_says_more(cast):
    see(cast.alice, Status.DISCONNECTED, at=cast.ago(5), reason=Reason.REPLACED, raw="CONFLICT")

    for at, reason in ((4, Reason.LISTED), (3, Reason.MISSING), (2, Reason.NONE)):
        see(cast.alice, Status.DISCONNECTED, at=cast.ago(at), reason=reason, source=Source.READ)

    assert (cast.alice.status_reason, cast.alice.status_raw) == (Reason.REPLACED, "CONFLICT")
    assert cast.alice.observed_at == cast.ago(2)
    assert cast.alice.status_since == cast.ago(5)


def test_being_missing_says_more_than_being_listed_as_gone(cast):
    see(cast.alice, Status.DISCONNECTED, at=cast.ago(5), reason=Reason.LISTED)
    see(cast.alice, Status.DISCONNECTED, at=cast.ago(4), reason=Reason.MISSING, source=Source.READ)

    assert cast.alice.status_reason == Reason.MISSING


def test_connected_carries_no_reason(cast):
    see(cast.bob, Status.CONNECTED, at=cast.ago(1), reason=Reason.LISTED, source=Source.LIST)

    assert cast.bob.status_reason == Reason.NONE
