"""The Node service deletes the login files of what we name: only what a human removed is named."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from accounts.models import Account, SupersededSession
from accounts.operators.lifecycle import archive
from simulator import still_world
from simulator.world.process import clean_up
from tests.simulator.simulated import connected
from tests.webhooks.sending import KEY, Sender

LONG_AGO = timedelta(days=60)


@pytest.fixture
def world(cast):
    """A simulated gateway with a login for every session that a test names, whose hourly job
    really deletes; it asks us over HTTP."""

    def ask(method, path, body, bearer):
        headers = {"Authorization": f"Bearer {KEY}"} if bearer else {"X-API-Key": KEY}
        content = "" if body is None else json.dumps(body)
        answer = Sender().client.generic(method, path, content, "application/json", headers=headers)
        return answer.status_code, answer.json()

    world = still_world(lambda *request: 200)
    world.backend = ask
    return world


def an_old_account(cast, world, session_id, status, **fields):
    """An account without news for two months."""
    connected(world, session_id, phone_number=str(15_550_000_000 + len(world.logins)))
    then = cast.now - LONG_AGO
    given = {"created_at": then, "last_activity_at": then, "last_connected_at": then}
    return cast.an_account(session_id, status, **given | fields)


STATUSES = ["connected", "disconnected", "failed", "stopped", "logged_out", "blocked", "unknown"]


@pytest.mark.parametrize("wanted", ["running", "stopped"])
@pytest.mark.parametrize("status", STATUSES)
def test_a_number_that_people_have_keeps_its_login(cast, world, status, wanted):
    an_old_account(cast, world, "quiet", status, wanted=wanted)
    assert clean_up(world) == {"deleted": [], "spared": []}
    assert "quiet" in world.logins


def test_a_superseded_session_keeps_its_login(cast, world):
    account = an_old_account(cast, world, "before", "connected")
    Account.objects.filter(pk=account.pk).update(session_id="now")
    SupersededSession.objects.create(gateway=cast.gateway, session_id="before", account=account)
    assert clean_up(world) == {"deleted": [], "spared": []}
    assert "before" in world.logins


def test_what_a_human_removed_loses_its_login(cast, world):
    account = an_old_account(cast, world, "removed", "disconnected")
    an_old_account(cast, world, "kept", "disconnected")
    archive(account, actor="test")
    assert clean_up(world)["deleted"] == ["removed"]
    assert set(world.logins) == {"kept"}


def test_the_clean_up_moves_no_status(cast, world):
    account = an_old_account(cast, world, "removed", "disconnected")
    archive(account, actor="test")
    account.refresh_from_db()
    before = account.status
    clean_up(world)
    account.refresh_from_db()
    assert account.status == before


def test_what_is_wanted_again_is_not_named_even_while_archived(cast, world):
    account = an_old_account(cast, world, "removed", "disconnected")
    archive(account, actor="test")
    Account.objects.filter(pk=account.pk).update(wanted="running")
    assert clean_up(world) == {"deleted": [], "spared": []}


def test_another_gateways_numbers_are_never_named(cast, world):
    account = an_old_account(cast, world, "elsewhere", "disconnected", gateway=cast.other_gateway)
    archive(account, actor="test")
    assert clean_up(world) == {"deleted": [], "spared": []}
