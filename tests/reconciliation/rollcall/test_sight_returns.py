"""Clocks that judge start again when a gateway is visible again, also after our own downtime."""

from __future__ import annotations

from accounts.models import Gateway, Incident
from accounts.words.status import Status
from gateways.base import Reason
from simulator.world.world import ProcessState
from tests.cast import story

HELD = (Status.UNKNOWN, Reason.MASS_LOSS_UNCONFIRMED)
LOST = (Status.DISCONNECTED, Reason.MISSING)


def ticks(scene, count):
    for _ in range(count):
        scene.tick()


def test_half_that_is_lost_while_the_gateway_was_away_is_held_for_a_whole_minute(scene):
    accounts = scene.accounts(6)
    scene.tick()
    scene.world.state = ProcessState.STOPPED
    ticks(scene, 6)
    scene.loses(*accounts[:4])
    scene.world.state = ProcessState.RUNNING

    ticks(scene, 3)
    assert scene.says(*accounts[:4]) == [HELD] * 4
    ticks(scene, 2)
    assert scene.says(*accounts[:4]) == [LOST] * 4
    assert scene.says(*accounts[4:]) == [(Status.CONNECTED, "")] * 2


def test_two_lists_with_nobody_looking_in_between_are_not_a_minute_of_agreement(scene):
    """Our own worker was down: what the gateway showed meanwhile is not known."""
    accounts = scene.accounts(4)
    scene.tick()
    scene.loses(*accounts)
    scene.tick()
    scene.passes(300)
    scene.sweep()

    ticks(scene, 3)
    assert scene.says(*accounts) == [HELD] * 4
    ticks(scene, 2)
    assert scene.says(*accounts) == [LOST] * 4


def test_a_gateway_without_an_uptime_that_comes_back_may_have_booted(scene, monkeypatch):
    """The gateway restores its sessions one after another, and nothing else shows the restart."""
    from gateways.base import Health
    from gateways.kinds.webjs.client import WebjsClient

    monkeypatch.setattr(
        WebjsClient,
        "health",
        lambda self, *, deadline_seconds: Health(uptime_seconds=None, sessions_held=None),
    )
    accounts = scene.accounts(4)
    sessions = dict(scene.world.sessions)
    scene.tick()
    scene.world.faults.list_fault = "error"
    ticks(scene, 3)
    scene.world.faults.list_fault = ""
    scene.loses(*accounts)
    ticks(scene, 4)
    assert Incident.objects.filter(kind=Incident.Kind.MASS_LOSS).count() == 0
    assert {status for status, _ in scene.says(*accounts)} == {Status.UNKNOWN}

    scene.world.sessions |= sessions
    scene.tick()
    assert scene.says(*accounts) == [(Status.CONNECTED, "")] * 4
    assert Gateway.objects.get(pk=scene.gateway.pk).boot_seen_at is None
    assert all(("unknown", "disconnected") not in story(account) for account in accounts)


def test_one_that_never_came_back_is_read_and_lost_after_the_grace(scene):
    dana = scene.an_account("dana")
    scene.tick()
    scene.world.state = ProcessState.STOPPED
    ticks(scene, 3)
    scene.loses(dana)
    scene.world.state = ProcessState.RUNNING
    ticks(scene, 1)

    assert scene.says(dana) == [LOST]
