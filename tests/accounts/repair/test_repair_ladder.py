"""Steps of a gateway's own ladder, in order, each after a read where one is needed."""

from __future__ import annotations

import pytest

from accounts.models import Account, Repair
from accounts.repair import repairs, starts
from accounts.words.status import Status
from gateways.base import Reason
from tests.accounts.operators.waha_there import waha_at

pytestmark = pytest.mark.usefixtures("rung")
State = Repair.State


@pytest.fixture
def waha(cast):
    with waha_at(cast.gateway) as there:
        there.statuses["alice"] = "WORKING"
        yield there


def start(account, reason) -> Repair:
    fields = {"status": Status.UNRESPONSIVE, "status_reason": reason}
    Account.objects.filter(pk=account.pk).update(**fields)
    repairs.ask(account, by=Repair.Asker.OPERATOR, actor="olga")
    repair = starts.carry_out_due(account.gateway_id)
    assert repair is not None
    return repair


def test_most_is_cured_by_a_restart(cast, waha):
    repair = start(cast.alice, Reason.SESSION_ERROR)
    assert (waha.asked, repair.steps, repair.state) == (["restart"], ["restart"], State.SUCCEEDED)


def test_what_hangs_is_stopped_and_started(cast, waha):
    repair = start(cast.alice, Reason.HUNG)
    assert (waha.asked, repair.steps) == (["stop", "start"], ["stop", "start"])
    assert repair.state == State.SUCCEEDED


def test_what_did_not_stop_is_not_started_a_second_time(cast, waha):
    waha.keeps.add("stop")
    start(cast.alice, Reason.HUNG)
    assert waha.asked == ["stop"]


def test_after_a_step_that_failed_no_other_follows(cast, waha):
    waha.refuses.add("stop")
    repair = start(cast.alice, Reason.HUNG)
    assert (waha.asked, repair.state) == (["stop"], State.FAILED)
    assert "cannot stop" in repair.outcome
