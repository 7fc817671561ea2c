"""Two ways to stop a session: it stays linked, or it needs a new scan. The kind of its gateway
decides which are possible, and the answer is given beforehand."""

from __future__ import annotations

import pytest

from accounts.models import Account, Gateway, Repair
from accounts.operators import lifecycle
from accounts.repair import repairs, starts
from accounts.repair.targeted_read import confirm
from accounts.words.refusals import Refused
from accounts.words.status import Status, Wanted
from gateways.base import Rejected
from tests.accounts.operators.waha_there import waha_at

pytestmark = pytest.mark.usefixtures("rung")


@pytest.fixture
def waha(cast):
    with waha_at(cast.gateway) as there:
        there.statuses["alice"] = "WORKING"
        yield there


@pytest.fixture
def alice(cast, waha):
    return Account.objects.select_related("gateway").get(pk=cast.alice.pk)


def test_paused_it_is_off_stays_linked_and_is_not_wanted(alice, waha):
    assert lifecycle.pause(alice, actor="olga") == ""
    assert waha.asked == ["stop"]
    confirm(alice.gateway_id, "alice")
    alice.refresh_from_db()
    assert (alice.wanted, alice.status) == (Wanted.STOPPED, Status.STOPPED)


def test_unlinked_it_needs_a_new_scan(alice, waha):
    assert lifecycle.unlink(alice, actor="olga") == ""
    assert waha.asked == ["logout"]
    assert alice.wanted == Wanted.STOPPED


@pytest.mark.parametrize("verb", [lifecycle.pause, lifecycle.unlink])
def test_what_is_not_there_is_not_asked_to_go(alice, waha, verb):
    waha.statuses.clear()
    assert "holds no such session" in verb(alice, actor="olga")
    assert waha.asked == []
    assert alice.wanted == Wanted.STOPPED


def test_a_refusal_is_said(alice, waha):
    waha.refuses.add("stop")
    with pytest.raises(Rejected, match="cannot stop"):
        lifecycle.pause(alice, actor="olga")


PAUSES = {"webjs": "deletes the login", "evolution": "cannot stop", "standard": "cannot stop"}


@pytest.mark.parametrize(("kind", "why"), PAUSES.items())
def test_where_stopping_would_cost_the_login_nothing_is_paused(cast, kind, why):
    Gateway.objects.update(kind=kind)
    account = Account.objects.get(pk=cast.alice.pk)
    with pytest.raises(Refused, match=why):
        lifecycle.pause(account, actor="olga")
    account.refresh_from_db()
    assert account.wanted == Wanted.RUNNING


def test_where_nobody_can_call_nothing_is_unlinked(cast):
    Gateway.objects.update(kind="standard")
    with pytest.raises(Refused, match="cannot log a session out"):
        lifecycle.unlink(Account.objects.get(pk=cast.alice.pk), actor="olga")


@pytest.mark.parametrize("verb", [lifecycle.pause, lifecycle.unlink])
def test_while_a_start_may_still_happen_nothing_is_switched_off(alice, waha, verb):
    """The session would come up again without the operator's knowledge."""
    repairs.ask(alice, by=Repair.Asker.CUSTOMER, actor="carl")
    starts.claim(alice.gateway_id)
    with pytest.raises(Refused, match="a start of it is under way"):
        verb(alice, actor="olga")
    assert waha.asked == []


def test_a_start_that_only_waits_is_given_up(alice, waha):
    waiting = repairs.ask(alice, by=Repair.Asker.CUSTOMER, actor="carl")
    lifecycle.pause(alice, actor="olga")
    assert starts.claim(alice.gateway_id) is None
    waiting.refresh_from_db()
    assert waiting.state == Repair.State.CANCELLED
