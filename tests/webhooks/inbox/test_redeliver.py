"""A person's second chance for deliveries: seen before it is done, and audited."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.models import Account, Transition
from accounts.words.status import Status
from tests.cast import Cast, make_cast
from webhooks.inbox.redeliver import discard, foresee, redeliver, why_not_redelivered
from webhooks.models import Delivery

pytestmark = pytest.mark.django_db
State = Delivery.State


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def a_delivery(cast: Cast, account: Account, *, seconds_ago: float = 1, **fields) -> Delivery:
    """A delivery that reports a lost session; it could not be applied when it came."""
    at = cast.now - timedelta(seconds=seconds_ago)
    said = {
        **{"kind": "state", "status": "disconnected", "reason": "navigation"},
        **{"raw": "NAVIGATION", "phone_number": None, "fields": {}},
    }
    defaults = {
        "event": "session_disconnected",
        "session_id": account.session_id,
        "said": said,
        "state": State.DEAD,
        "error": "OperationalError: gone",
        "received_at": at,
        "attempts": 12,
    }
    return Delivery.objects.create(gateway=account.gateway, **defaults | fields)


def test_it_says_what_it_would_change_and_changes_nothing(cast: Cast) -> None:
    delivery = a_delivery(cast, cast.alice)
    foreseen = foresee([delivery.pk])
    assert foreseen.accounts == "1 account: 62811801641 connected → disconnected"
    assert foreseen.ends == "1 applied"
    cast.alice.refresh_from_db()
    delivery.refresh_from_db()
    assert (cast.alice.status, delivery.state) == (Status.CONNECTED, State.DEAD)
    assert not Transition.objects.exists()


def test_it_does_what_it_said(cast: Cast) -> None:
    delivery = a_delivery(cast, cast.alice)
    redeliver([delivery.pk])
    cast.alice.refresh_from_db()
    delivery.refresh_from_db()
    assert (cast.alice.status, delivery.state) == (Status.DISCONNECTED, State.APPLIED)


def test_newer_truth_wins_over_an_old_delivery(cast: Cast) -> None:
    delivery = a_delivery(cast, cast.alice, seconds_ago=3600)
    assert foresee([delivery.pk]).accounts == "no account"
    redeliver([delivery.pk])
    delivery.refresh_from_db()
    assert delivery.state == State.SUPERSEDED


def test_several_of_one_account_count_as_one_change_from_first_to_last(cast: Cast) -> None:
    lost = a_delivery(cast, cast.alice, seconds_ago=3)
    found = a_delivery(cast, cast.alice, seconds_ago=2)
    found.said |= {"status": "logged_out", "reason": "unlinked"}
    found.save()
    foreseen = foresee([found.pk, lost.pk])
    assert foreseen.accounts == "1 account: 62811801641 connected → logged_out"


def test_what_fails_again_stays_a_dead_letter(cast: Cast) -> None:
    delivery = a_delivery(cast, cast.alice, seconds_ago=3600)
    Delivery.objects.update(said=delivery.said | {"status": "no such word"})
    assert redeliver([delivery.pk]).ends == "1 dead"


def test_what_was_not_understood_cannot_be_redelivered(cast: Cast) -> None:
    delivery = a_delivery(cast, cast.alice, said={}, event="unreadable")
    assert "not understood" in why_not_redelivered(delivery)
    assert redeliver([delivery.pk]).ends == "1 dead"


def test_what_was_applied_is_left_alone(cast: Cast) -> None:
    delivery = a_delivery(cast, cast.alice, state=State.APPLIED)
    assert why_not_redelivered(delivery) == "it is applied already"
    assert redeliver([delivery.pk]).ends == ""


def test_it_is_discarded_with_a_reason_and_not_tried_again(cast: Cast) -> None:
    delivery = a_delivery(cast, cast.alice, state=State.PENDING, next_attempt_at=cast.now)
    assert discard([delivery.pk], why="a test of ours", actor="maria") == 1
    delivery.refresh_from_db()
    assert (delivery.state, delivery.error) == (State.DISCARDED, "maria: a test of ours")
    assert delivery.next_attempt_at is None
