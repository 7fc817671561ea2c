"""Known bugs of reconnecting in similar projects, each shown to be absent here."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from accounts.models import Gateway, Repair
from accounts.operators import registration
from accounts.repair import repairs
from accounts.repair.outcomes import StartFacts, judge
from accounts.repair.repairs import pause_repair
from accounts.words.status import Source, Status, Wanted
from accounts.words.step_codes import StepCode
from gateways.base import Reason
from gateways.registry import capabilities_of, clients
from reconciliation.repair.governor import govern
from reconciliation.repair.policy import (
    MOST_STRIKES,
    STABLE,
    Case,
    Conditions,
    History,
    Hold,
    Nothing,
    Quarantine,
    Repairing,
    WaitToStart,
    decide,
    repair_backoff,
)
from tests.cast import saw

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def cast(scene):
    return scene.cast


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def a_case(status=Status.DISCONNECTED, reason=Reason.BROWSER_GONE, **fields) -> Case:
    given = {
        "status": status,
        "reason": reason,
        "lost_to": reason,
        "since": ago(600),
        "wanted": True,
        "place": Conditions(capabilities=capabilities_of("webjs")),
        "history": History(),
    }
    return Case(**given | fields)


def test_an_open_blip_does_not_reset_the_counter():
    """Bug of baileys-api: each short connection reset the count, so that it never gave up."""
    blip = a_case(Status.CONNECTED, Reason.NONE, since=ago(5), history=History(strikes=2))
    assert decide(blip, NOW, 0.5) == Nothing(is_stable=False)
    lost_again = a_case(since=ago(1), history=History(strikes=3, attempts=3, ended_at=ago(10)))
    assert isinstance(decide(lost_again, NOW, 0.5), Quarantine)


def test_backoff_is_reset_after_success_and_a_stable_minute():
    """Bug of argo-cd: it still waited for the longest time after a recovery."""
    stable = a_case(Status.CONNECTED, Reason.NONE, since=ago(STABLE.total_seconds()))
    assert decide(stable, NOW, 0.5) == Nothing(is_stable=True)
    assert repair_backoff(0, 1.0) == timedelta(seconds=5)


def test_one_failure_does_not_end_self_heal_for_good():
    """Bug of argo-cd: after one failed attempt nothing was tried any more."""
    once = a_case(history=History(strikes=1, attempts=1, ended_at=ago(120)))
    assert isinstance(decide(once, NOW, 1.0), Repairing)


def test_giving_up_is_not_for_ever():
    given_up = a_case(
        Status.FAILED,
        Reason.REPAIR_GAVE_UP,
        lost_to=Reason.BROWSER_GONE,
        history=History(strikes=MOST_STRIKES, attempts=3, ended_at=ago(3601)),
    )
    assert isinstance(decide(given_up, NOW, 1.0), Repairing)


def test_that_the_call_did_not_throw_is_no_success(cast):
    """Bug of OpenWA: "it did not throw" counted as repaired, so that the budget was dead code."""
    seen = saw(cast.alice, Status.DISCONNECTED, at=NOW, source=Source.READ)
    known = StartFacts(
        started_at=ago(50), qr_seen_at=None, unanswered="", believed=True, is_over=True
    )
    assert judge(seen, known).state == Repair.State.FAILED


def test_what_was_cancelled_is_not_a_failure():
    """Bug of OpenWA: cancelled attempts used up the tries. They only delay the next one."""
    cancelled = a_case(history=History(strikes=0, attempts=7, ended_at=ago(1)))
    decision = decide(cancelled, NOW, 0.5)
    assert isinstance(decision, WaitToStart)
    assert decision.next_step.code is StepCode.RESTART_AFTER_BACKOFF
    assert decision.next_step.try_number == 1


@pytest.mark.parametrize("kind", clients())
def test_told_not_to_reconnect_means_that_on_every_kind_of_gateway(kind):
    """Bug of OpenWA: `maxReconnectAttempts: 0` was ignored by one engine."""
    told_not_to = Conditions(acts=False, capabilities=capabilities_of(kind))
    for status in (Status.DISCONNECTED, Status.UNRESPONSIVE):
        assert isinstance(decide(a_case(status, place=told_not_to), NOW, 0.0), Hold)


@pytest.mark.parametrize("status", [Status.QR_SCANNING, Status.DISCONNECTED, Status.LOGGED_OUT])
def test_a_qr_code_that_expires_is_no_reconnect(status):
    """Bug of OpenWA: it used up the tries, or went on for ever unattended."""
    expired = decide(a_case(status, Reason.QR_EXPIRED), NOW, 0.0)
    assert isinstance(expired, Nothing) and not expired.is_stable


def test_a_conflict_is_no_loop():
    """Bug of WAHA: two clients took the session from each other without end."""
    replaced = a_case(reason=Reason.REPLACED)
    for minutes in (0, 10, 1000):
        assert isinstance(decide(replaced, NOW + timedelta(minutes=minutes), 0.0), Hold)


def test_a_replay_does_not_race_the_original():
    """Bug of OpenWA: a second attempt must not begin while the first may still happen."""
    for state in Repair.OPEN:
        history = History(open_state=state, open_by=Repair.Asker.ROLLCALL)
        assert isinstance(decide(a_case(history=history), NOW, 0.0), Hold)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (Status.LOGGED_OUT, Reason.UNLINKED),
        (Status.LOGGED_OUT, Reason.WRONG_NUMBER),
        (Status.BLOCKED, Reason.TERMS_OF_SERVICE),
        (Status.BLOCKED, Reason.PROXY_BLOCKED),
        (Status.DISCONNECTED, Reason.CLIENT_OUTDATED),
    ],
)
def test_nothing_is_restarted_where_a_human_must_act(status, reason):
    """A restart there costs WhatsApp's patience, and cures nothing."""
    assert isinstance(decide(a_case(status, reason), NOW, 0.0), Nothing)


def test_many_that_failed_together_do_not_come_back_together():
    """No thundering herd: jitter spreads them over the whole wait."""
    tried = a_case(history=History(strikes=1, attempts=1, ended_at=ago(0)))
    moments = {decide(tried, NOW, chance / 10).until for chance in range(1, 10)}
    assert len(moments) == 9
    assert max(moments) - min(moments) >= timedelta(seconds=20)


def test_a_blind_observer_repairs_nothing():
    """Sessions that all "drop" when we cannot read are no reason to restart them."""
    blind = replace(a_case().place, hidden="its gateway cannot be read")
    assert isinstance(decide(a_case(place=blind), NOW, 0.0), Hold)


def test_registering_a_number_again_does_not_resume_what_was_paused(cast, monkeypatch):
    """Bug of healthchecks: the call that creates also un-paused a paused check."""
    monkeypatch.setattr("accounts.store.enqueue._send", lambda task, args: None)
    pause_repair(cast.gateway.pk, "they died")
    now = repairs.clock.database_now()
    type(cast.alice).objects.filter(pk=cast.alice.pk).update(
        quarantined_until=now + timedelta(hours=1), strikes=3, status=Status.FAILED
    )
    registration.register(
        workspace=cast.acme,
        gateway=cast.gateway,
        session_id="alice",
        phone_number=cast.alice.phone_number,
        actor="olga",
    )
    cast.alice.refresh_from_db()
    assert cast.alice.quarantined_until == now + timedelta(hours=1)
    assert Gateway.objects.get(pk=cast.gateway.pk).repair_paused_at is not None


def test_what_people_switched_off_is_not_brought_back(cast, monkeypatch):
    monkeypatch.setattr("accounts.store.enqueue._send", lambda task, args: None)
    gone = {"status_reason": Reason.BROWSER_GONE, "wanted": Wanted.STOPPED}
    cast.an_account("off", Status.DISCONNECTED, **gone)
    govern()
    assert not Repair.objects.exists()
