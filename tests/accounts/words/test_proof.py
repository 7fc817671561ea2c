"""A proof belongs to the connection that it came from: it does not prove a later one."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.explain.explanation import sentence
from accounts.models import Account, Gateway
from accounts.models.proof import proven_since
from accounts.words.status import Source, Status
from dashboard.wording.account_row import is_proven
from gateways.base import Reason
from tests.cast import see
from webhooks.gateway_calls import health_score

LOSSES = [
    (Status.DISCONNECTED, Reason.NETWORK),
    (Status.UNRESPONSIVE, Reason.HUNG),
    (Status.LOGGED_OUT, Reason.UNLINKED),
    (Status.CONNECTING, Reason.AUTHENTICATED),
]


@pytest.fixture
def cast(cast):
    """No source has reported on Alice for two minutes."""
    long_ago = {"observed_at": cast.ago(120), "read_at": cast.ago(120)}
    Account.objects.filter(pk=cast.alice.pk).update(**long_ago)
    return cast


def proven(account, at):
    Account.objects.filter(pk=account.pk).update(proven_at=at, proof="message received")


def read_again(account):
    return Account.objects.select_related("gateway").get(pk=account.pk)


def is_shown_as_proven(account, now):
    """Ask the sentence, the tone, the score and the overview, which must agree."""
    account = read_again(account)
    recent = now - timedelta(minutes=2)
    said = {
        sentence(account, now).partition(": ")[2].startswith("proven"),
        is_proven(account, now),
        health_score(account, now) == 100,
        Account.objects.filter(proven_since(recent), pk=account.pk).exists(),
    }
    assert len(said) == 1
    return said.pop()


@pytest.mark.parametrize(("word", "reason"), LOSSES)
def test_what_came_before_a_loss_proves_nothing_after_it(cast, word, reason):
    proven(cast.alice, cast.ago(50))
    see(cast.alice, word, at=cast.ago(40), reason=reason)
    see(cast.alice, Status.CONNECTED, at=cast.ago(20))

    assert not is_shown_as_proven(cast.alice, cast.now)
    claim = "connected for 20 s: claimed by the gateway, last proof 50 s ago"
    assert sentence(read_again(cast.alice), cast.now) == claim


def test_nor_does_it_when_nobody_could_see_in_between(cast):
    proven(cast.alice, cast.ago(60))
    see(cast.alice, Status.UNRESPONSIVE, at=cast.ago(55), reason=Reason.HUNG)
    see(cast.alice, Status.UNKNOWN, at=cast.ago(5), source=Source.LIST, reason=Reason.UNREACHABLE)
    assert cast.alice.status == Status.UNKNOWN
    see(cast.alice, Status.CONNECTED, at=cast.now)

    assert not is_shown_as_proven(cast.alice, cast.now)


def test_what_spoke_after_the_loss_proves_it_though_its_word_came_late(cast):
    see(cast.alice, Status.DISCONNECTED, at=cast.ago(40), reason=Reason.NETWORK)
    proven(cast.alice, cast.ago(30))
    see(cast.alice, Status.CONNECTED, at=cast.ago(20))

    assert is_shown_as_proven(cast.alice, cast.now)


def test_a_time_in_which_nobody_could_see_takes_no_proof_away(cast):
    proven(cast.alice, cast.ago(60))
    see(cast.alice, Status.UNKNOWN, at=cast.ago(5), source=Source.LIST, reason=Reason.UNREACHABLE)
    see(cast.alice, Status.CONNECTED, at=cast.ago(2))

    assert is_shown_as_proven(cast.alice, cast.now)


@pytest.fixture
def asked_by_its_list(cast):
    """Make its gateway a kind that builds its list by asking each page."""
    Gateway.objects.filter(pk=cast.gateway.pk).update(kind="wwebjs_api")
    cast.gateway.refresh_from_db()
    return cast.alice


def test_a_list_that_showed_it_gone_does_not_prove_a_later_claim(cast, asked_by_its_list):
    gone = {"source": Source.LIST, "reason": Reason.LISTED}
    see(asked_by_its_list, Status.DISCONNECTED, at=cast.ago(60), **gone)
    # The next list agreed, so only the watermark moved.
    Gateway.objects.filter(pk=cast.gateway.pk).update(listed_at=cast.ago(40))
    see(asked_by_its_list, Status.CONNECTED, at=cast.ago(20))

    assert not is_shown_as_proven(asked_by_its_list, cast.now)
    assert sentence(read_again(asked_by_its_list), cast.now) == (
        "connected for 20 s: claimed by the gateway, never proven"
    )


def test_a_list_that_shows_it_since_its_claim_does(cast, asked_by_its_list):
    see(asked_by_its_list, Status.DISCONNECTED, at=cast.ago(60), reason=Reason.NETWORK)
    see(asked_by_its_list, Status.CONNECTED, at=cast.ago(40))
    Gateway.objects.filter(pk=cast.gateway.pk).update(listed_at=cast.ago(20))

    assert is_shown_as_proven(asked_by_its_list, cast.now)


def test_what_is_proven_by_an_older_connection_only_may_be_taken_over(cast):
    """The claim comes from another gateway, and nothing proves that the old session is alive."""
    proven(cast.alice, cast.ago(50))
    see(cast.alice, Status.DISCONNECTED, at=cast.ago(40), reason=Reason.NETWORK)
    see(cast.alice, Status.CONNECTED, at=cast.ago(20))
    cast.an_account("erin", Status.CONNECTED, gateway=cast.other_gateway)
    number = {"phone_number": cast.alice.phone_number, "workspace_id": cast.acme.pk}
    cast.alice.gateway, cast.alice.session_id = cast.other_gateway, "new"
    see(cast.alice, Status.CONNECTED, at=cast.now, source=Source.LIST, **number)

    assert (cast.alice.gateway_id, cast.alice.session_id) == (cast.other_gateway.pk, "new")
