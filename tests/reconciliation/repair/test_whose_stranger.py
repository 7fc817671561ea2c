"""Several accounts of a workspace are lost, and their gateway holds an unclaimed session. It may
belong to any of them, so none is started beside it for a while."""

from __future__ import annotations

import pytest

from accounts.explain.explanation import explain
from accounts.models import Account, Gateway, Repair
from reconciliation.models import Finding
from reconciliation.repair.governor import govern


@pytest.fixture(autouse=True)
def by_the_second(monkeypatch):
    """Run no worker, and make the jitter zero."""
    monkeypatch.setattr("accounts.store.enqueue._send", lambda task, args: None)
    monkeypatch.setattr("reconciliation.repair.cases._chance", lambda *seed: 0.0)


@pytest.fixture
def two(scene):
    Gateway.objects.update(mode="act")
    scene.tick()
    two = (scene.cast.alice, scene.an_account("dana"))
    scene.tick()
    return two


def lost_beside_a_stranger(scene, two, **stranger):
    scene.loses(*two)
    given = {"phone_number": "", "state": "qr_scanning"} | stranger
    scene.holds("stranger", **given)
    scene.tick()
    scene.tick()
    govern()


def asked():
    return set(Repair.objects.values_list("session_id", flat=True))


def test_none_of_them_is_started_and_each_says_why(scene, two):
    lost_beside_a_stranger(scene, two)

    assert asked() == set()
    for account in Account.objects.filter(pk__in=[one.pk for one in two]):
        why = "unless you take over or stop session stranger: nobody claims it"
        next_step = explain(account, scene.database_now()).next_step
        assert next_step.startswith("restart in ") and why in next_step


def test_once_the_stranger_is_gone_they_are(scene, two):
    lost_beside_a_stranger(scene, two)
    del scene.world.sessions["stranger"]
    scene.tick()
    govern()

    assert asked() == {"alice", "dana"}


def test_nobody_waits_for_an_operator_for_ever(scene, two):
    lost_beside_a_stranger(scene, two)
    for _ in range(30):
        scene.tick()
    govern()

    assert asked() == {"alice", "dana"}


def test_once_one_has_taken_it_over_the_other_is_started(scene, two):
    lost_beside_a_stranger(scene, two)
    Account.objects.filter(pk=two[0].pk).update(session_id="stranger")
    scene.tick()
    govern()

    assert asked() == {"dana"}


def test_a_stranger_that_was_there_before_holds_up_nobody(scene, two):
    scene.holds("stranger", "", state="qr_scanning")
    scene.tick()
    scene.loses(*two)
    scene.tick()
    scene.tick()
    govern()

    assert asked() == {"alice", "dana"}


def test_nor_does_one_of_another_workspace(scene, two):
    lost_beside_a_stranger(scene, two, workspace_id=scene.cast.globex.pk)

    assert asked() == {"alice", "dana"}


def test_one_of_no_workspace_may_be_anybodys(scene, two):
    lost_beside_a_stranger(scene, two)
    Finding.objects.filter(session_id="stranger").update(workspace_id=None)
    Repair.objects.all().delete()
    govern()

    assert asked() == set()


def test_nor_does_one_with_a_number_that_is_neither_of_theirs(scene, two):
    lost_beside_a_stranger(scene, two, phone_number="4915112345678")

    assert asked() == {"alice", "dana"}
