"""The Node service deletes the login files of what we name: only what a human removed is named."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import connection

from accounts.models import Account, SupersededSession
from accounts.operators.lifecycle import archive
from simulator import still_world
from simulator.world.process import clean_up
from tests.simulator.simulated import connected
from tests.webhooks.sending import KEY, Sender, lost
from webhooks.inbox.backpressure import Pressure
from webhooks.models import Delivery

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


@pytest.fixture
def pressed(monkeypatch, cast):
    """Fresh limits, of webhooks and of logs; the answer to one log."""
    pressure = Pressure()
    monkeypatch.setattr("webhooks.views.pressure", pressure)
    monkeypatch.setattr("webhooks.gateway_calls.pressure", pressure)
    body = json.dumps({"whatsapp_account_id": cast.alice.pk, "action": "session_cleanup"})

    def log():
        headers = {"X-API-Key": KEY}
        path = "/api/whatsapp/cleanup-logs"
        return Sender().client.generic("POST", path, body, "application/json", headers=headers)

    return log


def test_logs_and_webhooks_of_a_gateway_share_what_it_may_send_a_second(pressed, settings):
    settings.WEBHOOK_MOST_PER_SECOND = 1
    answers = [pressed() for _ in range(8)]
    late = [answer for answer in answers if answer.status_code == 429]
    assert [answer.status_code for answer in answers[:2]] == [200, 200]
    assert {answer["Retry-After"] for answer in late} == {"1"}
    assert answers[-1].status_code == 429 and "state events a second" in late[-1].json()["reason"]
    assert Delivery.objects.count() == len(answers) - len(late)
    assert Sender().send(lost()).status_code == 429


def test_a_log_is_not_taken_while_too_many_webhooks_wait(pressed, cast, settings):
    settings.WEBHOOK_MOST_PENDING = 3
    for _ in range(4):
        Delivery.objects.create(gateway=cast.gateway, event="session_ready", received_at=cast.now)
    answer = pressed()
    assert (answer.status_code, answer["Retry-After"]) == (429, "5")
    assert not Delivery.objects.filter(event="cleanup_log").exists()


def test_a_log_has_a_turn_among_its_gateways_events_or_none(pressed, monkeypatch):
    monkeypatch.setattr("webhooks.inbox.backpressure.MOST_AT_ONCE", 0)
    answer = pressed()
    assert (answer.status_code, answer["Retry-After"]) == (429, "1")
    assert "at once" in answer.json()["reason"] and not Delivery.objects.exists()


def test_a_log_that_cannot_be_written_is_answered_503(pressed):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL transaction_read_only = on")
    answer = pressed()
    assert answer.status_code == 503 and "send it again" in answer.json()["reason"]
    assert answer["Retry-After"]
