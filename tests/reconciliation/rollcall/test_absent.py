"""A session that the gateway no longer lists."""

from __future__ import annotations

from accounts.models import Account
from accounts.words.status import Source, Status, Wanted
from gateways.base import Reason
from simulator.world import faults
from tests.cast import see, story


def test_in_sync_there_is_nothing_to_say(scene):
    report = scene.call_roll()

    assert report.is_in_sync
    assert scene.says(scene.cast.alice) == [(Status.CONNECTED, "")]


def test_a_session_that_is_gone_is_read_and_disconnected(scene):
    scene.loses(scene.cast.alice)

    [finding] = scene.call_roll().findings

    assert (finding.kind, finding.was, finding.now) == ("missing", "connected", "disconnected")
    assert not finding.held
    assert scene.says(scene.cast.alice) == [(Status.DISCONNECTED, Reason.MISSING)]
    [transition] = scene.cast.alice.transitions.all()
    assert transition.source == Source.READ


def test_the_next_pass_finds_nothing_more(scene):
    scene.loses(scene.cast.alice)
    scene.call_roll()

    assert scene.call_roll().is_in_sync
    assert scene.open_findings() == set()


def test_one_that_its_own_status_knows_makes_the_list_a_liar(scene):
    """The status is a cached variable, so two answers of one gateway contradict each other."""
    faults.set_listed(scene.world, "alice", listed=False)

    [finding] = scene.call_roll().findings

    assert (finding.kind, finding.now) == ("list_lied", "unresponsive")
    assert scene.says(scene.cast.alice) == [(Status.UNRESPONSIVE, Reason.NOT_LISTED)]


def test_as_long_as_the_list_lies_it_stays_so(scene):
    faults.set_listed(scene.world, "alice", listed=False)
    for _ in range(4):
        scene.tick()

    assert story(scene.cast.alice) == [("connected", "unresponsive")]


def test_one_that_speaks_meanwhile_is_not_condemned_by_a_list(scene):
    """A sign of life outweighs both answers; without a recent one they count."""
    alice = scene.cast.alice
    faults.set_listed(scene.world, "alice", listed=False)
    for _ in range(6):
        Account.objects.filter(pk=alice.pk).update(proven_at=scene.database_now())
        scene.passes(10)
        scene.call_roll()
    assert story(alice) == []
    assert scene.open_findings() == {("list_lied", "alice")}

    scene.passes(50)
    scene.call_roll()
    assert scene.says(alice) == [(Status.UNRESPONSIVE, Reason.NOT_LISTED)]

    Account.objects.filter(pk=alice.pk).update(proven_at=scene.database_now())
    scene.passes(10)
    scene.call_roll()
    assert scene.says(alice) == [(Status.CONNECTED, "")]


def test_what_spoke_before_a_probe_found_nothing_behind_it_speaks_for_nothing(scene):
    alice = scene.cast.alice
    faults.set_listed(scene.world, "alice", listed=False)
    Account.objects.filter(pk=alice.pk).update(
        proven_at=scene.cast.ago(20),
        disproved_at=scene.cast.ago(10),
        status=Status.UNRESPONSIVE,
        status_reason=Reason.HUNG,
    )
    scene.call_roll()
    assert story(alice) == [("unresponsive", "unresponsive")]  # now because it is not listed


def test_listed_again_it_is_connected(scene):
    faults.set_listed(scene.world, "alice", listed=False)
    scene.call_roll()
    faults.set_listed(scene.world, "alice", listed=True)

    scene.call_roll()

    assert scene.says(scene.cast.alice) == [(Status.CONNECTED, "")]
    assert scene.call_roll().is_in_sync


def test_wanted_stopped_and_absent_it_is_stopped_at_once(scene):
    dana = scene.an_account("dana", wanted=Wanted.STOPPED)
    scene.loses(dana)

    scene.call_roll()

    assert story(dana) == [("connected", "stopped")]


def test_wanted_running_again_its_absence_is_told_even_if_nobody_was_rung(scene):
    dana = scene.an_account("dana", status=Status.STOPPED, status_reason=Reason.AS_WANTED)
    scene.loses(dana)

    scene.call_roll()

    assert scene.says(dana) == [(Status.DISCONNECTED, Reason.MISSING)]


def test_a_registered_session_that_nobody_started_stays_pending(scene):
    dana = scene.an_account("dana", status=Status.PENDING, observed_at=None, read_at=None)
    scene.loses(dana)

    assert scene.call_roll().is_in_sync
    assert scene.says(dana)[0][0] == Status.PENDING


def test_a_webhook_during_the_pass_wins(scene, during_the_list):
    """The webhook arrived after the request, so the list is older."""
    faults.lie(scene.world, "alice", status="disconnected")
    now = lambda: see(scene.cast.alice, Status.QR_SCANNING, at=scene.database_now())  # noqa: E731
    during_the_list(now)

    assert scene.call_roll().findings == []
    assert story(scene.cast.alice) == [("connected", "qr_scanning")]


def test_a_webhook_during_the_pass_saves_what_is_absent(scene, during_the_list):
    scene.loses(scene.cast.alice)
    during_the_list(lambda: see(scene.cast.alice, Status.CONNECTED, at=scene.database_now()))

    assert scene.call_roll().findings == []
    assert story(scene.cast.alice) == []


def test_where_there_is_no_time_to_read_nobody_is_condemned(scene, monkeypatch):
    monkeypatch.setattr("reconciliation.rollcall.roll_call.PASS_SECONDS", 0.4)
    scene.loses(scene.cast.alice)

    [finding] = scene.call_roll().findings

    assert finding.held and "no time left" in finding.why
    assert scene.says(scene.cast.alice) == [(Status.CONNECTED, "")]
    scene.passes(46)
    scene.sweep()
    assert scene.says(scene.cast.alice) == [(Status.UNKNOWN, Reason.OVERDUE)]
