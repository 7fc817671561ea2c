"""Unreachable is not lost: no fault of a gateway makes an account disconnected."""

from __future__ import annotations

import pytest

from accounts.models import GatewaySecret, Incident
from accounts.words.status import Status
from gateways.base import Reason
from simulator.world.world import ProcessState
from tests.cast import story


def stopped(scene):
    scene.world.state = ProcessState.STOPPED


def frozen(scene):
    scene.world.state = ProcessState.FROZEN


def another_key(scene):
    row = GatewaySecret.objects.get(gateway=scene.gateway)
    row.secret = "no such key"
    row.save()


def no_key(scene):
    GatewaySecret.objects.all().delete()


def its_list(fault, **others):
    def arrange(scene):
        scene.world.faults.list_fault = fault
        for name, value in others.items():
            setattr(scene.world.faults, name, value)

    arrange.__name__ = fault
    return arrange


UNREADABLE = [
    *[stopped, frozen, another_key, no_key],
    *[its_list("error"), its_list("html"), its_list("truncated")],
]
INCOMPLETE = [
    its_list("empty"),  # its health says otherwise
    its_list("partial", list_keeps=1),
    its_list("partial_wrong_total", list_keeps=1),
    its_list("no_total"),
    its_list("unreadable_entry"),
]


@pytest.fixture
def fleet(scene):
    return scene.accounts(3)


@pytest.mark.parametrize("fault", UNREADABLE, ids=lambda fault: fault.__name__)
def test_what_cannot_be_read_is_unknown_with_the_reason_and_never_disconnected(scene, fleet, fault):
    fault(scene)
    for _ in range(4):
        report = scene.tick()

    assert not report.is_readable and report.why
    assert scene.says(*fleet) == [(Status.UNKNOWN, Reason.UNREACHABLE)] * 3
    assert story(fleet[0]) == [("connected", "unknown")]
    assert scene.open_incidents() == [Incident.Kind.UNREACHABLE]


@pytest.mark.parametrize("fault", INCOMPLETE, ids=lambda fault: fault.__name__)
def test_absence_from_a_list_that_is_not_whole_means_nothing(scene, fleet, fault):
    fault(scene)
    for _ in range(4):
        report = scene.tick()

    assert report.is_readable and not report.is_sighted and report.why
    stories = {tuple(story(account)) for account in fleet}
    assert stories <= {(), (("connected", "unknown"),)}


def test_what_an_incomplete_list_does_show_stays_connected(scene, fleet):
    its_list("partial_wrong_total", list_keeps=2)(scene)  # Alice, and the first of the fleet
    for _ in range(4):
        scene.tick()
    scene.call_roll()

    assert scene.says(scene.cast.alice, fleet[0]) == [(Status.CONNECTED, "")] * 2
    assert scene.says(fleet[2]) == [(Status.UNKNOWN, Reason.PARTIAL_LIST)]


def test_an_empty_list_with_a_health_that_agrees_is_only_a_mass_loss(scene, fleet):
    its_list("empty", health_agrees=True)(scene)

    assert scene.call_roll().is_sighted
    assert scene.says(*fleet) == [(Status.UNKNOWN, Reason.MASS_LOSS_UNCONFIRMED)] * 3


def test_when_it_answers_again_everything_is_connected_at_once(scene, fleet):
    stopped(scene)
    for _ in range(4):
        scene.tick()
    scene.world.state = ProcessState.RUNNING

    scene.call_roll()

    assert scene.says(*fleet) == [(Status.CONNECTED, "")] * 3
    assert scene.open_incidents() == []


def test_a_short_absence_of_the_gateway_alarms_nobody(scene):
    stopped(scene)
    scene.call_roll()
    scene.passes(20)
    scene.call_roll()

    assert scene.open_incidents() == []
    assert scene.says(scene.cast.alice) == [(Status.CONNECTED, "")]


def test_a_read_that_fails_condemns_nobody(scene, monkeypatch):
    """The list is complete and does not show it; then the targeted read returns an error."""
    from simulator.dialects import webjs as api
    from simulator.state.settings import Failure

    def fails(*args):
        raise Failure("out of memory")

    monkeypatch.setattr(api, "_in_memory", fails)
    scene.loses(scene.cast.alice)

    [finding] = scene.call_roll().findings

    assert finding.held and "out of memory" in finding.why
    assert story(scene.cast.alice) == []
