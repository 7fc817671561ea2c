"""Failed repairs: the wait before the next try, the quarantine after three, and what ends both."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.explain.explanation import explain
from accounts.models import Account, Gateway, Repair
from accounts.repair import repairs
from accounts.words.status import Source, Status
from accounts.words.step_codes import PlannedStep, StepCode
from gateways.base import Reason
from reconciliation.repair.governor import govern
from tests.reconciliation.repair.attempts import a_change, asked, governed, said, tried

pytestmark = pytest.mark.usefixtures("rung", "long_waits")


def test_after_a_failure_it_waits_and_says_until_when(lost, scene):
    account = lost("a")
    tried(account, ago=1)
    account = governed(account)
    assert asked(account) == []
    step = PlannedStep(code=StepCode.RESTART_AFTER_BACKOFF, try_number=2)
    assert (account.strikes, account.next_step) == (1, step)
    now = repairs.clock.database_now()
    assert now < account.next_step_at < now + timedelta(seconds=30)
    shown = explain(Account.objects.select_related("gateway").get(pk=account.pk), now).next_step
    assert "restart in " in shown and "(2nd of 3 tries)" in shown


def test_what_is_noted_already_is_not_written_again(lost):
    account = lost("a")
    tried(account, ago=1)
    govern()
    with CaptureQueriesContext(connection) as counted:
        govern()
    assert not [one for one in counted if one["sql"].lstrip().startswith(("UPDATE", "INSERT"))]


def test_three_strikes_are_failed_with_the_time_of_the_next_try(lost):
    account = lost("a")
    for ago in (300, 200, 100):
        tried(account, ago=ago)
    account = governed(account)
    assert (account.status, account.status_reason) == (Status.FAILED, Reason.REPAIR_GAVE_UP)
    left = account.quarantined_until - repairs.clock.database_now()
    assert timedelta(minutes=57) < left < timedelta(minutes=59)
    assert account.next_step_at == account.quarantined_until
    change = account.transitions.first()
    assert (change.source, change.actor) == (Source.REPAIR, "rollcall")


def test_what_failed_keeps_its_gateway_s_last_words(lost):
    account = lost("a")
    Account.objects.filter(pk=account.pk).update(status_raw="Target closed")
    for ago in (300, 200, 100):
        tried(account, ago=ago)
    account = governed(account)
    assert account.status == Status.FAILED
    assert account.status_raw.endswith(": Target closed")


def test_after_its_quarantine_there_is_one_more_try_and_then_twice_the_time(lost, scene):
    account = lost("a")
    for ago in (300, 200, 100):
        tried(account, ago=ago)
    govern()
    scene.passes(3600)
    scene.tick()
    account = governed(account)
    assert asked(account) == ["one more try after its quarantine: the session's browser is gone"]
    Repair.objects.filter(state=Repair.State.WAITING).delete()
    tried(account, ago=0)
    account = governed(account)
    left = account.quarantined_until - repairs.clock.database_now()
    assert timedelta(minutes=119) < left <= timedelta(hours=2)


@pytest.mark.parametrize(
    "held",
    [
        {"blind_since": "now"},
        {"mode": Gateway.Mode.OBSERVE},
        {"repair_paused_at": "now"},
        {"listed_at": None},
    ],
    ids=["blind", "observed", "paused", "not listed since"],
)
def test_a_quarantine_stands_whatever_else_holds_the_account_back(lost, scene, held):
    """Otherwise a customer could restart it meanwhile, and no member could lift the quarantine."""
    account = lost("a", reason=Reason.MISSING)
    scene.tick()
    for ago in (300, 200, 100):
        tried(account, ago=ago, reason=Reason.MISSING)
    until = governed(account).quarantined_until
    now = repairs.clock.database_now()
    Gateway.objects.update(**{name: now if at == "now" else at for name, at in held.items()})

    account = governed(account)

    assert said(account).startswith("not restarted")
    assert until is not None and account.quarantined_until == until
    assert account.strikes == 3
    repairs.lift_quarantine(account, actor="olga")
    account = governed(account)
    assert (account.status, account.quarantined_until) == (Status.DISCONNECTED, None)


def test_a_quarantine_that_is_over_stands_no_more_while_the_account_is_held_back(lost, scene):
    account = lost("a")
    for ago in (300, 200, 100):
        tried(account, ago=ago)
    govern()
    scene.passes(3600)
    Gateway.objects.update(mode=Gateway.Mode.OBSERVE)
    assert governed(account).quarantined_until is None


def test_who_lifts_it_begins_from_the_beginning(lost, scene):
    account = lost("a")
    for ago in (300, 200, 100):
        tried(account, ago=ago)
    repairs.lift_quarantine(governed(account), actor="olga")
    assert (account.status, account.strikes) == (Status.DISCONNECTED, 0)
    scene.passes(6)
    assert asked(governed(account)) == ["1st of 3 tries: the session's browser is gone"]
    assert account.transitions.first().actor == "olga"


def test_a_session_that_stays_for_a_minute_is_well_again(lost, scene):
    account = lost("a")
    tried(account, ago=5, state=Repair.State.SUCCEEDED)
    govern()
    scene.holds("a", account.phone_number)
    scene.call_roll()
    assert governed(account).status == Status.CONNECTED
    assert account.strikes == 1
    scene.passes(61)
    assert governed(account).strikes == 0


def test_what_was_before_its_stable_time_counts_no_more(lost, scene):
    account = lost("a", since=scene.cast.ago(3))
    for ago in (400, 300, 200):
        tried(account, ago=ago)
    a_change(account, Status.DISCONNECTED, Status.CONNECTED, at=scene.cast.ago(190))
    a_change(account, Status.CONNECTED, Status.DISCONNECTED, at=scene.cast.ago(3))
    assert governed(account).strikes == 0
