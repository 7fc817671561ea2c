"""An older observation never overwrites a newer one; an equal one is applied."""

from __future__ import annotations

from datetime import timedelta

from accounts.models import Account
from accounts.state.observations import Verdict
from accounts.state.observe import observe
from accounts.words.status import Source, Status
from gateways.base import Reason
from tests.cast import saw, see, story


def test_it_applies_what_is_newer(cast):
    outcome = see(cast.alice, Status.DISCONNECTED, at=cast.ago(1), reason=Reason.NETWORK)

    assert (outcome.verdict, outcome.was, outcome.now) == (
        Verdict.APPLIED,
        Status.CONNECTED,
        Status.DISCONNECTED,
    )
    assert cast.alice.status == Status.DISCONNECTED
    assert cast.alice.status_reason == Reason.NETWORK
    assert cast.alice.status_since == cast.alice.observed_at == cast.ago(1)


def test_it_ignores_what_is_older(cast):
    outcome = see(cast.alice, Status.DISCONNECTED, at=cast.ago(11))

    assert outcome.verdict is Verdict.OLDER
    assert cast.alice.status == Status.CONNECTED
    assert cast.alice.observed_at == cast.ago(10)
    assert story(cast.alice) == []


def test_it_applies_what_is_equally_old(cast):
    assert see(cast.alice, Status.DISCONNECTED, at=cast.ago(10)).verdict is Verdict.APPLIED


def test_it_keeps_microseconds(cast):
    moment = cast.ago(1).replace(microsecond=123457)

    see(cast.alice, Status.DISCONNECTED, at=moment)

    assert cast.alice.observed_at == moment
    late = see(cast.alice, Status.CONNECTED, at=moment - timedelta(microseconds=1))
    assert late.verdict is Verdict.OLDER


def test_it_applies_a_first_observation_whatever_its_age(cast):
    dana = cast.an_account("dana", Status.PENDING, observed_at=None, read_at=None)

    assert see(dana, Status.CONNECTED, at=cast.ago(3600)).verdict is Verdict.APPLIED
    assert dana.observed_at == cast.ago(3600)


def test_it_hears_again_after_the_clock_stepped_back(cast):
    tomorrow = cast.now + timedelta(days=1)
    Account.objects.filter(pk=cast.alice.pk).update(observed_at=tomorrow)

    outcome = see(cast.alice, Status.DISCONNECTED, at=cast.now)

    assert outcome.verdict is Verdict.APPLIED
    assert cast.alice.observed_at == cast.now


def test_it_hears_a_list_that_began_seconds_ago_after_the_clock_stepped_back(cast):
    tomorrow = cast.now + timedelta(days=1)
    Account.objects.filter(pk=cast.alice.pk).update(observed_at=tomorrow)

    outcome = see(cast.alice, Status.DISCONNECTED, at=cast.ago(8), source=Source.LIST)

    assert outcome.verdict is Verdict.APPLIED


def test_it_ignores_old_news_even_after_the_clock_stepped_back(cast):
    tomorrow = cast.now + timedelta(days=1)
    Account.objects.filter(pk=cast.alice.pk).update(observed_at=tomorrow)

    assert see(cast.alice, Status.DISCONNECTED, at=cast.ago(300)).verdict is Verdict.OLDER
    assert cast.alice.status == Status.CONNECTED


def test_it_counts_an_observation_from_the_future_as_of_now(cast):
    see(cast.alice, Status.DISCONNECTED, at=cast.now + timedelta(days=1))

    assert cast.now <= cast.alice.observed_at < cast.now + timedelta(minutes=1)
    assert cast.alice.status_since == cast.alice.observed_at


def test_it_applies_a_batch_oldest_first_and_answers_in_its_order(cast):
    batch = [
        saw(cast.alice, Status.CONNECTED, at=cast.ago(1)),
        saw(cast.alice, Status.CONNECTING, at=cast.ago(2)),
        saw(cast.alice, Status.DISCONNECTED, at=cast.ago(3)),
    ]

    outcomes = observe(batch)

    assert [outcome.observation for outcome in outcomes] == batch
    assert [outcome.now for outcome in outcomes] == ["connected", "connecting", "disconnected"]
    assert story(cast.alice) == [
        ("connected", "disconnected"),
        ("disconnected", "connecting"),
        ("connecting", "connected"),
    ]


def test_it_writes_down_who_said_what_and_when(cast):
    see(
        cast.alice,
        Status.DISCONNECTED,
        at=cast.ago(1),
        reason=Reason.REPLACED,
        raw="CONFLICT",
        evidence="delivery 17",
        actor="whatsapp-1",
    )

    [transition] = cast.alice.transitions.all()
    assert (transition.from_status, transition.to_status) == ("connected", "disconnected")
    assert (transition.reason, transition.raw) == (Reason.REPLACED, "CONFLICT")
    assert (transition.source, transition.actor) == (Source.WEBHOOK, "whatsapp-1")
    assert (transition.session_id, transition.evidence) == ("alice", "delivery 17")
    assert transition.observed_at == cast.ago(1)
    assert cast.now <= transition.created_at
