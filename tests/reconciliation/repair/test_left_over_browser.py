"""A gateway was killed, and its browsers live on and hold the profiles: every start would fail."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from accounts.explain.instruction import instruction_of
from accounts.models import Account, Gateway, Incident, Repair
from accounts.repair import repairs, starts
from accounts.store import clock
from accounts.words.reasons import meaning
from accounts.words.status import Status
from accounts.words.step_codes import StepCode
from gateways.base import Reason
from gateways.registry import KINDS
from reconciliation.repair.governor import govern
from simulator.world import faults, process

CAPTURE = Path(__file__).parents[2] / "captures/node-service/01-lifecycle-and-faults.api.jsonl"
PROFILE = "workspace_1/session-lost"
pytestmark = pytest.mark.usefixtures("rung")


@pytest.fixture
def rung(monkeypatch):
    monkeypatch.setattr("accounts.store.enqueue._send", lambda task, args: None)


@pytest.fixture
def killed(scene) -> Account:
    """Kill the gateway. Alice's session comes back, the other's browser holds its profile."""
    account = scene.an_account("lost")
    process.restart(scene.world, left_over=["lost"])
    scene.world.settle()
    Gateway.objects.update(boot_seen_at=None)
    fields = {"status": Status.DISCONNECTED, "status_reason": Reason.SESSION_ERROR}
    Account.objects.filter(pk=account.pk).update(**fields)
    scene.call_roll()
    Gateway.objects.update(boot_seen_at=None)
    scene.passes(300)
    scene.call_roll()
    return Account.objects.get(pk=account.pk)


def tries(account: Account, times: int = 3) -> None:
    """Let repair decide and act several times, each after a long wait."""
    for _ in range(times):
        govern()
        starts.carry_out_due(account.gateway_id)
        account.refresh_from_db()


def asks(account: Account) -> str:
    now, status = clock.database_now(), Status(account.status)
    return instruction_of(account, status, now, at_work=None, has_twin=False).text


def test_one_refusal_ends_the_starts_and_opens_an_incident(killed, scene):
    tries(killed, 4)
    scene.passes(3600)
    scene.call_roll()
    tries(killed)
    [repair] = Repair.objects.filter(account=killed)
    [incident] = Incident.objects.filter(kind=Incident.Kind.LEFT_OVER)
    assert repair.refused_for == Reason.BROWSER_LEFT_OVER
    assert killed.next_step.code is StepCode.BROWSER_LEFT_OVER
    assert killed.status == Status.DISCONNECTED
    assert "session-lost" in incident.text and killed.phone_number in incident.text
    assert "--user-data-dir" in incident.cure and incident.closed_at is None
    assert asks(killed) == meaning(Reason.BROWSER_LEFT_OVER).instruction


def test_it_ends_once_the_browser_is_ended_and_a_person_restarts_it(killed, scene):
    tries(killed)
    faults.end_left_over(scene.world, "lost")
    scene.passes(120)
    repairs.ask(killed, by=Repair.Asker.OPERATOR, actor="olga")
    starts.carry_out_due(killed.gateway_id)
    scene.world.settle()
    scene.call_roll()
    govern()
    killed.refresh_from_db()
    [incident] = Incident.objects.filter(kind=Incident.Kind.LEFT_OVER)
    assert killed.status == Status.CONNECTED
    assert incident.closed_at is not None


def test_a_restore_that_failed_for_it_is_never_started(killed):
    fields = {"status_reason": Reason.BROWSER_LEFT_OVER, "status_raw": f"held: {PROFILE}"}
    Account.objects.filter(pk=killed.pk).update(**fields)
    tries(killed)
    [incident] = Incident.objects.filter(kind=Incident.Kind.LEFT_OVER)
    assert PROFILE in incident.text
    assert not Repair.objects.filter(account=killed).exists()


def test_the_words_that_were_recorded_are_known_to_the_kind():
    lines = map(json.loads, CAPTURE.read_text().splitlines())
    [said] = [
        line["answer"] for line in lines if line.get("label") == "create again while it exists"
    ]
    kind = KINDS["webjs"]
    assert kind.restore_failure(said) is Reason.BROWSER_LEFT_OVER
    assert kind.restore_failure("Failed to restore session") is Reason.RESTORE_FAILED
