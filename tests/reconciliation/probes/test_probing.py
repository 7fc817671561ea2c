"""Probing live clients: a gateway that still claims a dead session is found out, and a quiet
account is not called lost."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from accounts.models import Account, Gateway
from accounts.words.status import Status
from gateways.base import Reason
from reconciliation import tasks
from simulator.world import faults
from simulator.world.world import ProcessState
from tests.cast import story


@pytest.fixture
def alice(scene):
    """Alice, connected for an hour, with a sign of life every minute."""
    scene.world.sessions["alice"].connected_at = scene.world.host.now() - timedelta(hours=1)
    return speaks(scene, usual_gap_seconds=60)


def speaks(scene, **fields) -> Account:
    """Record a sign of life just now."""
    account = Account.objects.get(session_id="alice")
    Account.objects.filter(pk=account.pk).update(
        last_activity_at=scene.database_now(), status_since=scene.database_now(), **fields
    )
    return account


def lives(scene, seconds: int) -> list[tuple[str, str]]:
    """Run roll calls and probes, each 20 s, and return Alice's status each time."""
    said = []
    for _ in range(0, seconds, 20):
        scene.call_roll()
        tasks.probe_due_sessions()
        scene.sweep()
        said += scene.says(Account.objects.get(session_id="alice"))
        scene.passes(20)
    return said


def falls_silent(scene) -> None:
    """Let her be silent for less than is unusual for her, then call the roll."""
    scene.passes(9 * 60)
    scene.call_roll()


@pytest.fixture(autouse=True)
def counting(scene, monkeypatch):
    """Count in `scene.sent` the messages that the gateway was asked to send as probes."""
    scene.sent = 0
    send = scene.world.send_message

    def counted(session_id, recipient):
        scene.sent += 1
        return send(session_id, recipient)

    monkeypatch.setattr(scene.world, "send_message", counted)


def test_a_killed_browser_is_found_by_the_first_look_and_stays_found(scene, alice):
    faults.crash(scene.world, "alice", honest=False)
    falls_silent(scene)

    said = lives(scene, 180)

    gone = (Status.DISCONNECTED, Reason.BROWSER_GONE)
    assert said[-1] == gone and said.index(gone) <= 3
    assert story(alice) == [("connected", "disconnected")]
    assert scene.sent == 1


def test_a_restart_brings_it_back_at_the_next_pass(scene, alice):
    faults.crash(scene.world, "alice", honest=False)
    falls_silent(scene)
    lives(scene, 120)

    scene.world.reconnect("alice", alice.workspace_id)
    said = lives(scene, 60)

    assert said[-1] == (Status.CONNECTED, "")
    assert story(alice) == [("connected", "disconnected"), ("disconnected", "connected")]


def test_a_hung_browser_is_unresponsive_after_three_looks(scene, alice):
    faults.hang(scene.world, "alice", honest=False)
    falls_silent(scene)

    said = lives(scene, 180)

    assert said[-1] == (Status.UNRESPONSIVE, Reason.HUNG)
    assert scene.sent == 3
    assert story(alice) == [("connected", "unresponsive")]


def test_it_is_believed_again_once_its_page_answers(scene, alice):
    faults.hang(scene.world, "alice", honest=False)
    falls_silent(scene)
    lives(scene, 180)

    faults.resume(scene.world, "alice")
    falls_silent(scene)
    said = lives(scene, 180)

    assert said[-1] == (Status.CONNECTED, "")
    alice.refresh_from_db()
    assert (alice.probe_failures, alice.disproved_at) == (0, None)


def test_a_quiet_account_is_asked_now_and_then_and_never_condemned(scene, alice):
    said = []
    for _ in range(30):  # ten hours
        scene.passes(1180)
        said += lives(scene, 20)

    assert set(said) == {(Status.CONNECTED, "")}
    assert 3 <= scene.sent <= 6
    alice.refresh_from_db()
    assert alice.proof == "a probe of its live client"


def test_who_is_usually_quiet_is_left_alone(scene, alice):
    speaks(scene, usual_gap_seconds=6 * 3600)

    scene.passes(3600)
    lives(scene, 60)

    assert scene.sent == 0


def test_a_gateway_may_forbid_it(scene, alice):
    Gateway.objects.update(send_probe=Gateway.SendProbe.OFF)
    faults.crash(scene.world, "alice", honest=False)

    scene.passes(1200)

    assert lives(scene, 60)[-1] == (Status.CONNECTED, "")
    assert scene.sent == 0


def test_nothing_is_done_to_a_gateway_that_is_only_observed(scene, alice):
    Gateway.objects.update(mode=Gateway.Mode.OBSERVE)
    scene.passes(1200)

    lives(scene, 60)

    assert scene.sent == 0


def test_always_means_every_ten_minutes(scene, alice):
    Gateway.objects.update(send_probe=Gateway.SendProbe.ALWAYS)
    speaks(scene, usual_gap_seconds=6 * 3600)

    for _ in range(12):
        lives(scene, 20)
        scene.passes(280)

    assert 5 <= scene.sent <= 6


def test_a_gateway_that_does_not_answer_says_nothing_of_its_sessions(scene, alice):
    scene.passes(601)
    scene.call_roll()
    scene.world.state = ProcessState.STOPPED

    tasks.probe_due_sessions()

    alice.refresh_from_db()
    assert (alice.probe_failures, alice.probed_at) == (0, None)
    assert alice.probing_until > scene.database_now()


def test_a_message_counts_though_the_whole_gateway_then_gave_no_answer(scene, alice, monkeypatch):
    """A message that may have been tried is not requested again within ten minutes."""

    def falls_mute(session_id, recipient):
        scene.sent += 1
        scene.world.state = ProcessState.FROZEN
        raise httpx.ReadTimeout("no answer")

    monkeypatch.setattr(scene.world, "send_message", falls_mute)
    falls_silent(scene)
    for _ in range(0, 540, 20):
        tasks.probe_due_sessions()
        scene.world.state = ProcessState.RUNNING
        scene.passes(20)
        scene.call_roll()

    assert scene.sent == 1
    assert scene.says(alice) == [(Status.CONNECTED, "")]
    scene.passes(140)
    scene.call_roll()
    tasks.probe_due_sessions()
    assert scene.sent == 2


def test_it_is_not_asked_while_its_gateway_is_worked_on(scene, alice):
    from accounts.state import maintenance

    scene.passes(601)
    maintenance.begin(scene.gateway, duration=timedelta(hours=1), why="", actor="olga")

    tasks.probe_due_sessions()

    assert scene.sent == 0
