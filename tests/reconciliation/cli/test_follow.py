"""monitor_sessions --watch: one line for each change, until Ctrl-C."""

from __future__ import annotations

import json

import pytest

from accounts.models import Gateway
from accounts.words.status import Status
from gateways.base import Reason
from simulator.world.world import ProcessState
from tests.cast import see, story
from tests.reconciliation.cli.monitoring import Monitor


@pytest.fixture
def watch(scene, monkeypatch):
    """Watch while these happen, one after each pass, and end with Ctrl-C."""
    Gateway.objects.exclude(pk=scene.gateway.pk).delete()
    monitor = Monitor()

    def watched(*happenings, options=()):
        waiting = iter(happenings)

        def sleeps(seconds):
            happens = next(waiting, None)
            if happens is None:
                raise KeyboardInterrupt
            happens()

        name = "reconciliation.management.commands.monitor_sessions.time.sleep"
        monkeypatch.setattr(name, sleeps)
        assert monitor("--watch", "7", *options) == 0
        return monitor.out.splitlines()

    return watched


def nothing():
    pass


def test_it_says_nothing_while_nothing_changes(watch):
    assert watch(nothing, nothing) == []


def test_a_loss_is_one_line(scene, watch):
    [line] = watch(lambda: scene.loses(scene.cast.alice), nothing)

    number = scene.cast.alice.phone_number
    assert line.endswith(
        f"whatsapp-1 {number}: connected → disconnected (the gateway has no such session), "
        "by targeted read"
    )


def test_what_others_saw_is_told_too(scene, watch):
    def unlinked():
        scene.loses(scene.cast.alice)
        now = scene.database_now()
        see(scene.cast.alice, Status.LOGGED_OUT, at=now, reason=Reason.UNLINKED)

    [line] = watch(unlinked, nothing)
    assert "connected → logged_out" in line and line.endswith("by webhook")


def test_a_gateway_that_goes_and_comes_back_is_two_lines(scene, watch):
    def goes():
        scene.world.state = ProcessState.STOPPED

    def comes_back():
        scene.world.state = ProcessState.RUNNING

    first, second = watch(goes, nothing, comes_back, nothing)
    assert "whatsapp-1: cannot be read: " in first
    assert "whatsapp-1: can be read again" in second


def test_a_finding_that_is_only_shown_comes_and_goes(scene, watch):
    def appears():
        scene.holds("stranger", "", state="qr_scanning")

    first, second = watch(appears, nothing, lambda: scene.world.sessions.pop("stranger"))
    assert "whatsapp-1 stranger: unclaimed: no account knows it" in first
    assert second.endswith("whatsapp-1 stranger: not unclaimed any more")


def test_for_scripts_each_line_is_json(scene, watch):
    [line] = watch(lambda: scene.loses(scene.cast.alice), options=["--json"])

    assert json.loads(line).keys() == {"at", "gateway", "about", "text"}


def test_a_plan_is_watched_without_changing_anything(scene, watch):
    scene.loses(scene.cast.alice)

    assert watch(nothing, options=["--plan"]) == []
    assert story(scene.cast.alice) == []
