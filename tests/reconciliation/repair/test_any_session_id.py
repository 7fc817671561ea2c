"""The right instruction for any session id, of any length."""

from __future__ import annotations

import pytest

from accounts.explain.explanation import explain
from accounts.models import Account, Gateway
from accounts.state.observations import LONGEST_SESSION_ID
from dashboard.account.groups import Group, with_group
from gateways.base import Reason
from reconciliation.models import Finding
from reconciliation.repair.governor import govern
from tests.cast import Status

# Ids that contain our own sentences: they are foreign text, and decide nothing.
SAYING = [
    "restart",
    "its gateway's next list must show first",
    "it has the same number as account 1",
    "x (due now)",
    "Nothing: all is well",
]
IDS = ["s" * 126, "s" * 127, "s" * 200, "s" * LONGEST_SESSION_ID, *SAYING]


@pytest.fixture(autouse=True)
def no_doorbell(monkeypatch):
    monkeypatch.setattr("accounts.store.enqueue._send", lambda task, args: None)


@pytest.fixture
def scene_that_acts(scene):
    Gateway.objects.update(mode="act")
    scene.tick()
    return scene


def told(account, scene):
    """Return what to do, by its own words and by the list's group."""
    govern()
    now = scene.database_now()
    said = explain(Account.objects.select_related("gateway").get(pk=account.pk), now)
    return said, with_group(now).get(pk=account.pk).group


@pytest.mark.parametrize("session_id", IDS)
def test_beside_a_session_that_may_be_its_own_a_person_decides(scene_that_acts, session_id):
    scene = scene_that_acts
    account = scene.cast.an_account(
        "lost", Status.DISCONNECTED, status_reason=Reason.MISSING, status_since=scene.cast.ago(600)
    )
    seen = {"first_seen_at": scene.cast.now, "last_seen_at": scene.cast.now}
    Finding.objects.create(
        gateway=scene.gateway, account=account, kind="unclaimed", session_id=session_id, **seen
    )

    said, group = told(account, scene)

    assert "take it over" in said.human and "restart" in said.human
    assert session_id in said.next_step
    assert (group, said.needs_a_human) == (Group.HUMAN, True)


@pytest.mark.parametrize("session_id", IDS)
def test_beside_a_session_with_its_number_a_person_keeps_one(scene_that_acts, session_id):
    scene = scene_that_acts
    account = scene.cast.an_account(
        "lost",
        Status.DISCONNECTED,
        status_reason=Reason.BROWSER_GONE,
        status_since=scene.cast.ago(600),
        phone_number="4915112345678",
    )
    seen = {"first_seen_at": scene.cast.now, "last_seen_at": scene.cast.now}
    Finding.objects.create(
        gateway=scene.gateway,
        kind="unclaimed",
        session_id=session_id,
        phone_number="4915112345678",
        now=Status.CONNECTED,
        **seen,
    )

    said, group = told(account, scene)

    assert "Do not restart both" in said.human
    assert session_id in said.next_step
    assert (group, said.needs_a_human) == (Group.HUMAN, True)
