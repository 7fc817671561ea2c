"""A session that should be stopped is stopped if that keeps the login, and only then."""

from __future__ import annotations

from dataclasses import replace

import pytest

from accounts.models import Account, Gateway, Repair
from accounts.words.status import Wanted
from gateways.registry import clients
from reconciliation.repair import stop_unwanted
from reconciliation.repair.governor import govern


@pytest.fixture
def rings(monkeypatch):
    rung = []
    monkeypatch.setattr(
        "reconciliation.repair.stop_unwanted.enqueue_task", lambda *words: rung.append(words)
    )
    return rung


@pytest.fixture
def keeps_login(monkeypatch):
    """Make the gateway one that can stop a session without deleting its login."""
    can = replace(clients()["webjs"].capabilities, stop_keeps_login=True)
    monkeypatch.setattr(clients()["webjs"], "capabilities", can)


@pytest.fixture
def running(scene):
    """Create an account wanted stopped that has been seen running for two minutes."""
    account = scene.an_account("a", wanted=Wanted.STOPPED)
    for _ in range(6):
        scene.tick()
    scene.call_roll()
    return account


def stops(rings) -> list[int]:
    return [words[1] for words in rings if words[0] == "reconciliation.tasks.stop_unwanted"]


def test_it_is_stopped_after_a_read_and_the_attempt_is_a_row(scene, running, keeps_login, rings):
    govern()
    assert stops(rings) == [running.pk]
    stop_unwanted.stop_unwanted(running.pk)
    assert "a" not in scene.world.sessions
    repair = Repair.objects.get()
    assert (repair.steps, repair.state, repair.asked_by) == (["stop"], "succeeded", "rollcall")
    scene.call_roll()
    assert scene.says(running) == [("stopped", "as_wanted")]


def test_what_is_not_there_is_not_asked_to_stop(scene, running, keeps_login, rings):
    scene.loses(running)
    stop_unwanted.stop_unwanted(running.pk)
    assert Repair.objects.get().state == Repair.State.CANCELLED


def test_where_stopping_deletes_the_login_it_stays_listed(scene, running, rings):
    govern()
    stop_unwanted.stop_unwanted(running.pk)
    assert stops(rings) == [] and "a" in scene.world.sessions
    assert ("unwanted", "a") in scene.open_findings()


def test_at_a_gateway_that_is_only_observed_it_stays_listed(running, keeps_login, rings):
    Gateway.objects.update(mode=Gateway.Mode.OBSERVE)
    govern()
    stop_unwanted.stop_unwanted(running.pk)
    assert stops(rings) == [] and not Repair.objects.exists()


def test_a_person_who_wants_it_again_meanwhile_keeps_it(scene, running, keeps_login, rings):
    Account.objects.filter(pk=running.pk).update(wanted=Wanted.RUNNING)
    stop_unwanted.stop_unwanted(running.pk)
    assert "a" in scene.world.sessions


def test_it_is_not_stopped_in_its_first_minute(scene, keeps_login, rings):
    scene.an_account("a", wanted=Wanted.STOPPED)
    scene.call_roll()
    govern()
    assert stops(rings) == []


def test_a_stop_is_not_tried_again_at_once(scene, running, keeps_login, rings):
    stop_unwanted.stop_unwanted(running.pk)
    scene.holds("a")
    govern()
    assert stops(rings) == []


def test_a_stop_is_no_strike(scene, running, keeps_login, rings):
    stop_unwanted.stop_unwanted(running.pk)
    Account.objects.filter(pk=running.pk).update(wanted=Wanted.RUNNING, status="disconnected")
    govern()
    running.refresh_from_db()
    assert running.strikes == 0
