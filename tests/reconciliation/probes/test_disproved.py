"""A list that still claims what a probe has disproved."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.models import Account
from accounts.repair.targeted_read import confirm
from accounts.state.observations import Observation
from accounts.state.observe import observe
from accounts.words.status import Source, Status
from gateways.base import Reason
from simulator.world import faults
from tests.cast import story


@pytest.fixture
def alice(scene):
    """Alice, whom the gateway has shown connected for an hour; a probe found otherwise."""
    scene.world.sessions["alice"].connected_at = scene.world.host.now() - timedelta(hours=1)
    account = Account.objects.get(session_id="alice")
    scene.login = scene.world.sessions["alice"].connected_at
    return account


def found(scene, account, status, reason):
    """Record that a probe found this just now."""
    observe(
        [
            Observation(
                gateway_id=account.gateway_id,
                session_id=account.session_id,
                status=status,
                reason=reason,
                observed_at=scene.database_now(),
                source=Source.PROBE,
                connected_at=scene.login,
            )
        ]
    )


def test_a_killed_browser_stays_disconnected_and_no_pass_finds_anything(scene, alice):
    faults.crash(scene.world, "alice", honest=False)
    found(scene, alice, Status.DISCONNECTED, Reason.BROWSER_GONE)

    for _ in range(5):
        assert scene.tick().findings == []

    assert scene.says(alice) == [(Status.DISCONNECTED, Reason.BROWSER_GONE)]


def test_it_is_back_with_its_new_login(scene, alice):
    faults.crash(scene.world, "alice", honest=False)
    found(scene, alice, Status.DISCONNECTED, Reason.BROWSER_GONE)
    scene.tick()

    scene.world.reconnect("alice", alice.workspace_id)
    scene.passes(5)
    scene.tick()

    assert scene.says(alice) == [(Status.CONNECTED, "")]


def hears(scene, account) -> None:
    """Deliver a webhook that says connected; the session is read at once."""
    observe(
        [
            Observation(
                gateway_id=account.gateway_id,
                session_id=account.session_id,
                status=Status.CONNECTED,
                observed_at=scene.database_now(),
                source=Source.WEBHOOK,
            )
        ]
    )
    confirm(account.gateway_id, account.session_id)


def test_a_webhook_that_tells_of_its_new_login_is_believed_by_the_read(scene, alice):
    faults.crash(scene.world, "alice", honest=False)
    found(scene, alice, Status.DISCONNECTED, Reason.BROWSER_GONE)
    scene.world.reconnect("alice", alice.workspace_id)

    hears(scene, alice)

    assert scene.says(alice) == [(Status.CONNECTED, "")]


def test_a_webhook_that_comes_late_is_not(scene, alice):
    faults.crash(scene.world, "alice", honest=False)
    found(scene, alice, Status.DISCONNECTED, Reason.BROWSER_GONE)

    hears(scene, alice)

    assert scene.says(alice) == [(Status.DISCONNECTED, Reason.BROWSER_GONE)]
    assert story(alice) == [("connected", "disconnected")]


def test_an_unresponsive_one_is_kept_fresh_by_the_list_and_turned_by_it_never(scene, alice):
    found(scene, alice, Status.UNRESPONSIVE, Reason.HUNG)

    for _ in range(5):
        assert scene.tick().findings == []

    assert scene.says(alice) == [(Status.UNRESPONSIVE, Reason.HUNG)]


def test_an_unresponsive_one_expires_like_any_live_word(scene, alice):
    found(scene, alice, Status.UNRESPONSIVE, Reason.HUNG)
    scene.world.faults.list_fault = "error"
    for _ in range(4):
        scene.tick()
    assert scene.says(alice)[0][0] == Status.UNKNOWN

    scene.world.faults.list_fault = ""
    scene.tick()
    assert scene.says(alice) == [(Status.UNRESPONSIVE, Reason.HUNG)]


def test_a_partial_list_keeps_it_fresh_too(scene, alice):
    found(scene, alice, Status.UNRESPONSIVE, Reason.HUNG)
    scene.world.faults.list_fault = "no_total"

    for _ in range(5):
        scene.tick()

    assert scene.says(alice) == [(Status.UNRESPONSIVE, Reason.HUNG)]
