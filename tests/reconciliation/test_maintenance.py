"""A gateway under maintenance is observed, but neither judged nor reported."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.models import Gateway, Incident
from accounts.repair import targeted_read
from accounts.state import maintenance
from accounts.words.status import Status, Wanted
from gateways.base import Reason
from simulator.world.world import ProcessState
from tests.cast import see, story

MINUTES = timedelta(minutes=1)
CONNECTED = (Status.CONNECTED, "")
HELD = (Status.UNKNOWN, Reason.MASS_LOSS_UNCONFIRMED)
UNSEEN = (Status.UNKNOWN, Reason.MAINTENANCE)


@pytest.fixture
def maintained(scene):
    maintenance.begin(scene.gateway, duration=10 * MINUTES, why="new disk", actor="olga")
    return scene


def ends(scene):
    maintenance.end(scene.gateway, actor="olga")


def ticks(scene, count):
    for _ in range(count):
        report = scene.tick()
    return report


def test_what_is_absent_is_noted_and_not_judged(maintained):
    dana = maintained.an_account("dana")
    maintained.loses(dana)

    [finding] = maintained.call_roll().findings

    assert (str(finding.kind), finding.held) == ("missing", True)
    assert "under maintenance" in finding.why
    assert story(dana) == []


def test_an_unseen_word_expires_with_that_reason(maintained):
    dana = maintained.an_account("dana")
    maintained.loses(dana)
    ticks(maintained, 3)

    assert maintained.says(dana) == [UNSEEN]
    assert maintained.says(maintained.cast.alice) == [CONNECTED]


def test_nothing_is_alarmed_whatever_it_does(maintained):
    accounts = maintained.accounts(4)
    maintained.loses(*accounts)
    ticks(maintained, 6)
    maintained.world.state = ProcessState.STOPPED
    ticks(maintained, 6)

    assert Incident.objects.count() == 0
    assert maintained.says(*accounts) == [UNSEEN] * 4


def test_what_it_shows_is_believed(maintained):
    dana = maintained.an_account("dana", status=Status.DISCONNECTED)
    eve = maintained.an_account("eve")
    maintained.world.sessions["eve"].status = "disconnected"

    maintained.call_roll()

    assert maintained.says(dana) == [CONNECTED]
    assert maintained.says(eve)[0][0] == Status.DISCONNECTED


def test_a_definite_webhook_is_believed(maintained):
    alice = maintained.cast.alice
    see(alice, Status.LOGGED_OUT, at=maintained.database_now(), reason=Reason.UNLINKED)

    assert maintained.says(alice) == [(Status.LOGGED_OUT, Reason.UNLINKED)]


def test_its_lists_go_on_proving_freshness(maintained):
    ticks(maintained, 6)

    assert story(maintained.cast.alice) == []
    gateway = Gateway.objects.get(pk=maintained.gateway.pk)
    assert gateway.listed_at > maintained.database_now() - timedelta(seconds=25)


def test_a_targeted_read_that_finds_nothing_condemns_nobody(maintained):
    alice = maintained.cast.alice
    maintained.loses(alice)

    assert targeted_read.confirm(maintained.gateway.pk, "alice") is None
    assert story(alice) == []


def test_what_is_wanted_stopped_may_stop_meanwhile(maintained):
    dana = maintained.an_account("dana", wanted=Wanted.STOPPED)
    maintained.loses(dana)

    targeted_read.confirm(maintained.gateway.pk, "dana")

    assert maintained.says(dana) == [(Status.STOPPED, Reason.AS_WANTED)]


def test_when_it_ends_one_that_is_missing_is_read_and_lost(maintained):
    dana = maintained.an_account("dana")
    maintained.loses(dana)
    ticks(maintained, 6)
    ends(maintained)

    maintained.call_roll()

    assert maintained.says(dana) == [(Status.DISCONNECTED, Reason.MISSING)]
    assert story(dana) == [("connected", "unknown"), ("unknown", "disconnected")]


def test_when_it_ends_the_minute_of_a_mass_loss_begins_anew(maintained):
    accounts = maintained.accounts(4)
    maintained.loses(*accounts)
    ticks(maintained, 9)
    ends(maintained)

    ticks(maintained, 3)
    assert maintained.says(*accounts) == [HELD] * 4
    assert maintained.open_incidents() == [Incident.Kind.MASS_LOSS]
    ticks(maintained, 2)
    assert maintained.says(*accounts) == [(Status.DISCONNECTED, Reason.MISSING)] * 4


def test_a_mass_loss_that_was_held_before_is_held_through_it(scene):
    accounts = scene.accounts(4)
    scene.loses(*accounts)
    scene.tick()
    maintenance.begin(scene.gateway, duration=10 * MINUTES, why="", actor="olga")
    ticks(scene, 9)

    assert scene.says(*accounts) == [HELD] * 4
    assert scene.open_incidents() == [Incident.Kind.MASS_LOSS]


def test_when_it_ends_a_gateway_that_is_still_away_has_its_45_seconds(maintained):
    maintained.world.state = ProcessState.STOPPED
    ticks(maintained, 9)
    ends(maintained)

    ticks(maintained, 2)
    assert maintained.open_incidents() == []
    ticks(maintained, 2)
    assert maintained.open_incidents() == [Incident.Kind.UNREACHABLE]


def test_when_it_ends_by_itself_it_is_judged_again(maintained):
    dana = maintained.an_account("dana")
    maintained.loses(dana)
    maintained.passes(11 * 60)

    maintained.call_roll()

    assert maintained.says(dana) == [(Status.DISCONNECTED, Reason.MISSING)]


def test_a_boot_under_maintenance_has_all_its_grace_when_that_ends(scene):
    scene.call_roll()
    dana = scene.an_account("dana")
    scene.loses(dana)
    maintenance.begin(scene.gateway, duration=10 * MINUTES, why="", actor="olga")
    scene.passes(20)
    scene.world.started_at = scene.world.host.now()
    ticks(scene, 9)
    ends(scene)

    ticks(scene, 4)
    assert scene.says(dana) == [UNSEEN]
    ticks(scene, 2)
    assert scene.says(dana) == [(Status.DISCONNECTED, Reason.MISSING)]


def test_one_that_is_planned_changes_nothing_before_it_begins(scene):
    begins = scene.database_now() + 10 * MINUTES
    maintenance.plan(scene.gateway, starts_at=begins, duration=MINUTES, why="", actor="olga")
    scene.loses(scene.cast.alice)

    scene.call_roll()

    assert scene.says(scene.cast.alice) == [(Status.DISCONNECTED, Reason.MISSING)]
