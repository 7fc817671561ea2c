"""Rollcall brings lost sessions back by itself, and leaves alone what it must."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.incidents.incidents import open_incident
from accounts.models import Gateway, Incident, Repair
from accounts.operators.lifecycle import mark_disconnected
from accounts.repair import repairs
from accounts.words.status import Status, Wanted
from accounts.words.step_codes import PlannedStep, StepCode
from gateways.base import Reason
from reconciliation.models import Finding
from reconciliation.repair.governor import govern
from tests.cast import a_gateway
from tests.reconciliation.repair.attempts import a_change, asked, governed, said

pytestmark = pytest.mark.usefixtures("rung", "long_waits")


def test_a_lost_session_is_asked_for_with_the_why(lost):
    account = governed(lost("a"))
    assert asked(account) == ["1st of 3 tries: the session's browser is gone"]
    assert account.next_step == PlannedStep(code=StepCode.RESTART_IN_TURN, try_number=1)
    assert said(lost("b")) == "restart, in its turn (1st of 3 tries)"


def test_a_second_look_asks_no_second_time(lost):
    account = lost("a")
    govern()
    account = governed(account)
    assert len(asked(account)) == 1
    assert account.next_step == PlannedStep(code=StepCode.REPAIR_WAITS, asked_by="rollcall")
    assert said(account) == "a restart that Rollcall asked for waits for its turn"


def test_a_browser_killed_in_the_midst_of_the_gateways_own_attempts_does_not_end_them(lost, scene):
    account = lost("a", reason=Reason.BROWSER_GONE, since=scene.cast.ago(20))
    before = {"to_status": Status.DISCONNECTED, "from_status": Status.CONNECTED}
    account.transitions.filter(**before).update(reason=Reason.NAVIGATION)
    assert governed(account).next_step_code == StepCode.RESTART_AFTER_OWN_RETRY
    assert asked(account) == []


def test_of_a_loss_that_it_noticed_before_it_was_up_again_nothing_is_waited_for(lost, scene):
    account = lost("a", reason=Reason.BROWSER_GONE, since=scene.cast.ago(20))
    account.transitions.update(reason=Reason.BROWSER_GONE)
    word = (Status.CONNECTED, Status.DISCONNECTED)
    a_change(account, *word, at=scene.cast.ago(100), reason=Reason.NAVIGATION)
    a_change(account, *reversed(word), at=scene.cast.ago(60))
    assert len(asked(governed(account))) == 1


def test_no_second_session_is_made_beside_one_that_may_be_its_own(lost, scene):
    account = lost("a", reason=Reason.MISSING)
    stranger = Finding.objects.create(
        gateway=scene.gateway,
        account=account,
        kind=Finding.Kind.UNCLAIMED,
        session_id="stranger",
        first_seen_at=scene.cast.now,
        last_seen_at=scene.cast.now,
    )
    step = governed(account).next_step
    assert step == PlannedStep(code=StepCode.UNCLAIMED_SESSION, session_id="stranger")
    assert "holds session stranger, which nobody claims" in said(account)
    assert asked(account) == []

    stranger.ended_at = scene.cast.now
    stranger.save()
    governed(account)
    assert len(asked(account)) == 1


@pytest.mark.parametrize("sign", ["proven_at", "read_at"])
def test_a_session_that_was_there_while_its_own_was_alive_holds_up_nothing(lost, scene, sign):
    signs = {"proven_at": None, "read_at": None, sign: scene.cast.ago(650)}
    account = lost("a", reason=Reason.MISSING, **signs)
    stranger = Finding.objects.create(
        gateway=scene.gateway,
        account=account,
        kind=Finding.Kind.UNCLAIMED,
        session_id="stranger",
        first_seen_at=scene.cast.ago(660),
        last_seen_at=scene.cast.now,
    )
    assert len(asked(governed(account))) == 1

    Repair.objects.all().delete()
    Finding.objects.filter(pk=stranger.pk).update(first_seen_at=scene.cast.ago(640))
    assert governed(account).next_step_code == StepCode.UNCLAIMED_SESSION
    assert asked(account) == []


def test_one_that_is_missing_is_looked_for_in_a_list_before_it_is_started(lost, scene):
    account = lost("a", reason=Reason.MISSING)
    Gateway.objects.filter(pk=scene.gateway.pk).update(listed_at=scene.cast.ago(601))
    assert governed(account).next_step_code == StepCode.AWAITS_LIST
    assert "waiting for the next check" in said(account)
    assert asked(account) == []

    Gateway.objects.filter(pk=scene.gateway.pk).update(listed_at=scene.cast.now)
    governed(account)
    assert len(asked(account)) == 1


def test_whats_not_lost_costs_nothing(scene, django_assert_max_num_queries):
    scene.accounts(20)
    scene.tick()
    with django_assert_max_num_queries(12):
        govern()
    assert not Repair.objects.exists()


def test_the_statements_do_not_grow_with_the_fleet(lost, scene):
    def statements() -> int:
        with CaptureQueriesContext(connection) as counted:
            govern()
        return len(counted)

    Gateway.objects.update(mode=Gateway.Mode.OBSERVE)
    lost("a")
    few = statements()
    for number in range(60):
        lost(f"more-{number}")
    for number in range(5):
        a_gateway(f"more-{number}")
    assert statements() == few


def test_its_gateways_queue_gets_no_more_than_it_can_soon_carry_out(lost):
    accounts = [lost(f"a-{number}") for number in range(9)]
    govern()
    govern()
    assert Repair.objects.count() == 4
    told = {governed(account).next_step for account in accounts[4:]}
    assert told == {PlannedStep(code=StepCode.RESTART_IN_TURN, try_number=1)}


# --- what it leaves alone -------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (Status.LOGGED_OUT, Reason.UNLINKED),
        (Status.BLOCKED, Reason.TERMS_OF_SERVICE),
        (Status.QR_SCANNING, Reason.NONE),
        (Status.DISCONNECTED, Reason.REPLACED),
        (Status.DISCONNECTED, Reason.QR_EXPIRED),
        (Status.UNKNOWN, Reason.UNREACHABLE),
    ],
)
def test_what_only_a_human_or_time_can_mend(lost, status, reason):
    assert asked(governed(lost("a", status, reason))) == []


def test_what_is_wanted_stopped(lost):
    assert asked(governed(lost("a", wanted=Wanted.STOPPED))) == []


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"mode": Gateway.Mode.OBSERVE}, "its gateway is in observe mode"),
        ({"blind_since": "now", "sight_since": None}, "its gateway cannot be read"),
        (
            {"boot_seen_at": "now"},
            "its gateway has just started, and brings its sessions back by itself",
        ),
        (
            {"repair_paused_at": "now", "repair_paused_why": "they died"},
            "automatic repair is paused there: they died",
        ),
    ],
)
def test_a_gateway_that_is_not_to_be_touched(lost, scene, fields, why):
    account = lost("a")
    moments = {name: scene.cast.now if it == "now" else it for name, it in fields.items()}
    Gateway.objects.filter(pk=scene.gateway.pk).update(**moments)
    assert said(account) == f"not restarted: {why}"
    assert asked(account) == []


def test_a_gateway_under_maintenance(lost, scene):
    account = lost("a")
    scene.gateway.maintenance_windows.create(
        starts_at=scene.cast.ago(60), ends_at=scene.cast.ago(-60)
    )
    assert said(account) == "not restarted: its gateway is under maintenance"


@pytest.mark.parametrize("kind", [Incident.Kind.MASS_LOSS, Incident.Kind.SELF_CHECK])
def test_a_loss_that_may_be_none(lost, scene, kind):
    account = lost("a")
    gateway = scene.gateway.pk if kind == Incident.Kind.MASS_LOSS else None
    open_incident(kind, gateway_id=gateway)
    assert asked(governed(account)) == []


def test_a_person_who_has_just_spoken(scene):
    account = scene.an_account("a")
    scene.tick()
    mark_disconnected(account, why="I looked", actor="olga")
    assert said(account) == "restart (an operator has just acted on it)"
    assert asked(account) == []


def test_a_person_who_is_at_it(lost):
    account = lost("a")
    repairs.ask(account, by=Repair.Asker.OPERATOR, actor="olga")
    assert said(account) == "a restart that an operator asked for waits for its turn"


# --- conflicts ------------------------------------------------------------------------------------
def test_a_conflict_is_one_incident_with_the_numbers_and_ends_with_it(lost, scene):
    account = lost("a", reason=Reason.REPLACED)
    govern()
    govern()
    [incident] = Incident.objects.filter(kind=Incident.Kind.CONFLICT)
    assert account.phone_number in incident.text and incident.count == 1
    scene.holds("a", account.phone_number)
    scene.call_roll()
    govern()
    incident.refresh_from_db()
    assert incident.closed_at is not None
