"""A session that is being started, or that a freshly booted gateway will restore, is not lost."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.models import Account, Repair
from accounts.repair import targeted_read
from accounts.store import clock
from accounts.words.status import Status
from gateways.base import Reason
from tests.cast import story

State = Repair.State
IN_FLIGHT = [State.RUNNING, State.UNCLEAR]


@pytest.fixture
def alice(scene):
    """Alice, connected by her row; the gateway has been read before."""
    scene.call_roll()
    scene.passes(100)
    scene.call_roll()
    return scene.cast.alice


def a_start(account, state, *, seconds_ago=3.0, **fields):
    began = clock.database_now() - timedelta(seconds=seconds_ago)
    given = {"asked_by": "operator", "steps": ["restart"], "started_at": began}
    return Repair.objects.create(
        account=account,
        gateway=account.gateway,
        session_id=account.session_id,
        state=state,
        **given | fields,
    )


def read(account):
    return targeted_read.confirm(account.gateway_id, account.session_id)


@pytest.mark.parametrize("state", IN_FLIGHT)
def test_a_read_during_our_own_start_condemns_nobody(scene, alice, state):
    a_start(alice, state)
    scene.loses(alice)

    assert read(alice) is None
    assert story(alice) == []


@pytest.mark.parametrize("state", IN_FLIGHT)
def test_nor_does_a_list_during_our_own_start(scene, alice, state):
    a_start(alice, state)
    scene.loses(alice)
    [finding] = scene.call_roll().findings

    assert (finding.kind, finding.held) == ("missing", True)
    assert finding.why == "a start of ours is under way: absence means nothing yet"
    assert story(alice) == []


def test_nobody_calls_it_connected_for_longer_meanwhile(scene, alice):
    a_start(alice, State.RUNNING)
    scene.loses(alice)
    for _ in range(4):
        scene.tick()

    assert Account.objects.get(pk=alice.pk).status == Status.UNKNOWN


@pytest.mark.parametrize(
    ("state", "fields"),
    [
        (State.FAILED, {}),
        (State.CANCELLED, {}),
        (State.WAITING, {"started_at": None}),
        (State.RUNNING, {"steps": ["stop"]}),
        (State.UNCLEAR, {"seconds_ago": 200}),
    ],
)
def test_where_no_start_can_still_happen_it_is_lost(scene, alice, state, fields):
    a_start(alice, state, **fields)
    scene.loses(alice)
    read(alice)

    assert scene.says(alice) == [(Status.DISCONNECTED, Reason.MISSING)]


def test_a_read_before_the_start_sees_that_it_is_gone(scene, alice):
    """The start is already claimed then, and must not wait for itself."""
    a_start(alice, State.RUNNING)
    scene.loses(alice)
    outcome = targeted_read.confirm(alice.gateway_id, alice.session_id, before_start=True)

    assert outcome is not None and outcome.now is Status.DISCONNECTED


def test_a_boot_that_no_roll_call_has_seen_yet_condemns_nobody(scene, alice):
    scene.loses(alice)
    scene.world.started_at = scene.world.host.now()

    assert read(alice) is None
    assert story(alice) == []


def test_once_the_boot_is_over_it_is_lost(scene, alice):
    scene.loses(alice)
    scene.world.started_at = scene.world.host.now()
    for _ in range(8):
        scene.tick()

    assert scene.says(alice) == [(Status.DISCONNECTED, Reason.MISSING)]
