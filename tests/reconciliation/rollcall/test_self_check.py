"""Rollcall suspects itself if all gateways are unreachable at once: one incident, none accused."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Account, Gateway, GatewaySecret, Incident
from accounts.state import maintenance
from accounts.words.status import Status
from gateways.base import Reason
from gateways.registry import use_transport
from reconciliation.rollcall import roll_call
from reconciliation.rollcall.self_check import Sight, all_blind, suspects_ourselves
from simulator import still_world
from simulator.served.transport import transport
from simulator.world.world import ProcessState
from tests.cast import story
from tests.simulator.simulated import connected

Kind = Incident.Kind
SECOND = "http://gateway-2:3001"


class Pair:
    """Two gateways, each with its world; Alice runs on the first, Zoe on the second."""

    def __init__(self, scene, other_world):
        self.scene = scene
        self.worlds = [scene.world, other_world]
        self.gateways = [scene.gateway, scene.cast.other_gateway]
        second = self.gateways[1]
        Gateway.objects.filter(pk=second.pk).update(base_url=SECOND)
        GatewaySecret.objects.create(
            gateway=second,
            purpose=GatewaySecret.Purpose.API_KEY,
            secret=other_world.settings.api_key,
        )
        self.alice = scene.cast.alice
        self.zoe = scene.cast.an_account("zoe", Status.CONNECTED, gateway=second)
        fields = {"workspace_id": scene.cast.acme.pk, "phone_number": self.zoe.phone_number}
        connected(other_world, "zoe", **fields)

    def stop(self, *numbers):
        for number in numbers:
            self.worlds[number].state = ProcessState.STOPPED

    def start(self, *numbers):
        for number in numbers:
            self.worlds[number].state = ProcessState.RUNNING

    def ticks(self, count):
        for _ in range(count):
            for gateway in self.gateways:
                roll_call.call_roll(gateway.pk)
            self.worlds[1].advance(20)
            self.scene.passes(20)
            self.scene.sweep()

    def incidents(self):
        rows = Incident.objects.filter(closed_at__isnull=True).order_by("id")
        return list(rows.values_list("kind", "gateway__name"))


@pytest.fixture
def pair(scene):
    world = still_world(lambda *request: 200)
    with use_transport(SECOND, transport(world)):
        pair = Pair(scene, world)
        pair.ticks(1)
        yield pair


def test_all_blind_at_once_is_one_incident_about_ourselves(pair):
    pair.stop(0, 1)
    pair.ticks(6)

    assert pair.incidents() == [(Kind.SELF_CHECK, None)]
    assert Incident.objects.count() == 1
    assert suspects_ourselves()
    assert "none of 2 gateways can be read: whatsapp-1: " in Incident.objects.get().text


def test_no_verdict_is_made_and_the_reason_is_said(pair):
    pair.stop(0, 1)
    pair.ticks(6)

    says = pair.scene.says(pair.alice, pair.zoe)
    assert says == [(Status.UNKNOWN, Reason.SUSPECT_OURSELVES)] * 2
    assert story(pair.alice) == [("connected", "unknown")]


def test_it_is_over_as_soon_as_one_can_be_read(pair):
    pair.stop(0, 1)
    pair.ticks(6)
    pair.start(1)
    pair.ticks(1)

    assert not suspects_ourselves()
    assert pair.incidents() == []
    assert pair.scene.says(pair.zoe) == [(Status.CONNECTED, "")]


def test_the_one_that_stays_away_has_its_45_seconds_from_then(pair):
    pair.stop(0, 1)
    pair.ticks(6)
    pair.start(1)
    pair.ticks(3)
    assert pair.incidents() == []
    pair.ticks(2)

    assert pair.incidents() == [(Kind.UNREACHABLE, "whatsapp-1")]


def test_what_was_lost_meanwhile_is_judged_by_clocks_that_begin_anew(pair):
    accounts = pair.scene.accounts(4)
    pair.stop(0, 1)
    pair.ticks(6)
    pair.scene.loses(*accounts)
    pair.start(0, 1)
    pair.ticks(3)
    assert {status for status, _ in pair.scene.says(*accounts)} == {Status.UNKNOWN}

    pair.ticks(2)
    assert pair.scene.says(*accounts) == [(Status.DISCONNECTED, Reason.MISSING)] * 4


def test_one_blind_gateway_is_its_own_fault(pair):
    pair.stop(0)
    pair.ticks(6)

    assert pair.incidents() == [(Kind.UNREACHABLE, "whatsapp-1")]
    assert pair.scene.says(pair.alice) == [(Status.UNKNOWN, Reason.UNREACHABLE)]


def test_one_that_had_been_away_for_long_keeps_its_own_incident(pair):
    pair.stop(0)
    pair.ticks(12)
    pair.stop(1)
    pair.ticks(6)

    assert pair.incidents() == [(Kind.UNREACHABLE, "whatsapp-1"), (Kind.SELF_CHECK, None)]


def test_one_that_opened_in_the_same_moment_is_over_and_was_told_to_nobody(pair):
    """The second gateway was found unreachable a little after the first one's incident opened."""
    pair.stop(0)
    pair.ticks(4)
    assert pair.incidents() == [(Kind.UNREACHABLE, "whatsapp-1")]
    pair.stop(1)
    pair.ticks(1)

    assert pair.incidents() == [(Kind.SELF_CHECK, None)]


def test_with_a_single_gateway_there_is_nobody_to_compare_it_with(pair):
    Account.objects.filter(pk=pair.zoe.pk).delete()
    pair.gateways.pop().delete()
    pair.stop(0)
    pair.ticks(6)

    assert pair.incidents() == [(Kind.UNREACHABLE, "whatsapp-1")]


def test_one_under_maintenance_that_answers_shows_that_it_is_not_us(pair):
    third = Gateway.objects.create(name="whatsapp-3", kind="webjs", base_url="http://127.0.0.1:1")
    pair.gateways.append(third)
    hour = timedelta(hours=1)
    maintenance.begin(pair.gateways[1], duration=hour, why="", actor="olga")
    pair.stop(0)
    pair.ticks(6)

    kinds = {kind for kind, _ in pair.incidents()}
    assert kinds == {Kind.UNREACHABLE}


def test_two_of_which_one_is_under_maintenance_are_not_enough(pair):
    maintenance.begin(pair.gateways[1], duration=timedelta(hours=1), why="", actor="olga")
    pair.stop(0, 1)
    pair.ticks(6)

    assert pair.incidents() == [(Kind.UNREACHABLE, "whatsapp-1")]


def test_a_kind_that_nobody_can_read_does_not_count(pair):
    Gateway.objects.create(name="deaf", kind="standard", base_url="http://127.0.0.1:1")
    pair.stop(0, 1)
    pair.ticks(2)

    assert pair.incidents() == [(Kind.SELF_CHECK, None)]


sights = st.builds(
    Sight,
    name=st.just("one"),
    is_blind=st.booleans(),
    is_read=st.booleans(),
    maintained=st.booleans(),
)


@given(st.lists(sights, max_size=6))
def test_whoever_can_be_read_refutes_it(many):
    if all_blind(many):
        assert not any(sight.is_read for sight in many)
        assert sum(sight.is_blind and not sight.maintained for sight in many) >= 2
