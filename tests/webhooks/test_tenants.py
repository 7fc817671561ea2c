"""Webhooks and calls about another workspace's account, from a gateway that does not serve it."""

from __future__ import annotations

import json

import pytest
from django.db.models.functions import Now

from accounts.models import Account, Repair, SupersededSession, Transition
from accounts.words.status import Status
from tests.cast import story
from tests.webhooks.sending import KEY, event, give_secret
from webhooks.models import Delivery

API = "/api/whatsapp"
EVENTS = {
    "session_ready": {},
    "session_authenticated": {},
    "session_disconnected": {"reason": "NAVIGATION"},
    "session_status_changed": {"status": "qr_scanning"},
    "session_reconnected": {},
    "session_error": {"error": "x"},
    "session_reconnect_failed": {"max_retries": 3},
    "qr_code_generated": {"qr_code": "2@x"},
    "message_received": {"message": {"id": "m"}},
    "something_new": {},
}


@pytest.fixture
def neighbour(cast, monkeypatch):
    """An account of Globex on whatsapp-2."""
    monkeypatch.setattr("accounts.store.enqueue._send", lambda task, args: None)
    return cast.an_account(
        "gina", Status.CONNECTED, workspace=cast.globex, gateway=cast.other_gateway
    )


def trace(account):
    return (
        Account.objects.values().get(pk=account.pk),
        Transition.objects.filter(account=account).count(),
        Repair.objects.filter(account=account).count(),
        SupersededSession.objects.filter(account=account).count(),
        Delivery.objects.filter(account=account).count(),
    )


@pytest.mark.parametrize("name", EVENTS)
@pytest.mark.parametrize("session_id", ["gina", "theirs"])
@pytest.mark.parametrize("workspace", ["none", "its own", "the other"])
def test_no_webhook_moves_it(cast, sender, neighbour, name, session_id, workspace):
    claimed = {"its own": cast.acme.pk, "the other": cast.globex.pk}.get(workspace)
    named = {"phone_number": neighbour.phone_number, "workspace_id": claimed}
    before = trace(neighbour)
    answer = sender.send(event(name, session_id, **named | EVENTS[name]))
    assert answer.status_code == 200, answer.content
    assert trace(neighbour) == before


CALLS = [
    ("GET", "accounts/{session}/status", None),
    ("GET", "accounts/by-session/{session}", None),
    ("POST", "sessions/{session}/mark-disconnected", {"reason": "x"}),
    ("POST", "accounts/{session}/mark-disconnected", {"reason": "x"}),
    ("PATCH", "accounts/{id}/status", {"status": "disconnected"}),
    ("PATCH", "accounts/{id}/status", {"status": "connected"}),
    ("PATCH", "accounts/{id}/status", {"last_cleanup_at": "2026-11-24"}),
    ("PATCH", "accounts/{session}/status", {"status": "disconnected"}),
    ("POST", "cleanup-logs", {"whatsapp_account_id": "{id}", "action": "x", "status": "success"}),
    ("GET", "accounts/active", None),
    ("GET", "accounts-for-cleanup", None),
    ("GET", "cleanup-stats", None),
]
PLIGHTS = {
    "wanted": {},
    "removed": {"wanted": "stopped", "archived_at": Now()},
    "lost": {"status": Status.DISCONNECTED},
}
each_call = pytest.mark.parametrize(("method", "path", "body"), CALLS)


@pytest.fixture
def call(sender, cast):
    def ask(method, path, body, *, session, pk, key=KEY, workspace=cast.globex):
        body = None if body is None else {name: text.format(id=pk) for name, text in body.items()}
        if body:
            body["workspace_id"] = workspace.pk
        answer = sender.client.generic(
            method,
            f"{API}/{path}".format(session=session, id=pk),
            json.dumps(body) if body else "",
            "application/json",
            headers={"X-API-Key": key},
        )
        return answer.status_code, answer.content.decode()

    return ask


@each_call
@pytest.mark.parametrize("plight", PLIGHTS)
def test_no_call_moves_it_or_tells_that_it_exists(
    cast, call, neighbour, method, path, body, plight
):
    """The answer is the one about a session that nobody has."""
    fields = {
        name: given() if callable(given) else given for name, given in PLIGHTS[plight].items()
    }
    Account.objects.filter(pk=neighbour.pk).update(**fields)
    before = trace(neighbour)
    answer = call(method, path, body, session="gina", pk=neighbour.pk)
    Delivery.objects.all().delete()
    assert answer == call(method, path, body, session="nobodys", pk=10**9)
    assert answer[0] == (404 if "{" in path else 200)
    assert trace(neighbour) == before
    assert "gina" not in answer[1] and str(neighbour.phone_number) not in answer[1]


@each_call
def test_nor_the_first_one_s_by_the_key_of_the_other(cast, call, neighbour, method, path, body):
    give_secret(cast.other_gateway, "api_key", "key-of-whatsapp-2")
    before = trace(cast.alice)
    status, text = call(
        method, path, body, session="alice", pk=cast.alice.pk, key="key-of-whatsapp-2"
    )
    assert status == (404 if "{" in path else 200)
    assert trace(cast.alice) == before
    assert "alice" not in text and "62811801641" not in text


def test_of_two_sessions_with_one_name_a_key_moves_its_own(cast, call, neighbour):
    give_secret(cast.other_gateway, "api_key", "key-of-whatsapp-2")
    ours = cast.an_account("gina", Status.CONNECTED)
    before = trace(ours)
    own = {"session": "gina", "pk": neighbour.pk, "workspace": cast.globex}
    answers = [call(*one, **own, key="key-of-whatsapp-2")[0] for one in CALLS]
    assert answers.count(200) == len(CALLS) - 1  # PATCH wants the id, not the session's name
    assert ("connected", "disconnected") in story(neighbour)
    assert trace(ours) == before


@pytest.mark.parametrize("path", ["sessions/gina/mark-disconnected", "accounts/{id}/status"])
def test_a_claim_that_names_the_other_s_workspace_for_its_own_session_moves_neither(
    cast, call, neighbour, path
):
    give_secret(cast.other_gateway, "api_key", "key-of-whatsapp-2")
    before = trace(neighbour)
    method = "PATCH" if "{id}" in path else "POST"
    named = {"session": "gina", "pk": neighbour.pk, "workspace": cast.acme}
    call(method, path, {"status": "disconnected"}, **named, key="key-of-whatsapp-2")
    assert trace(neighbour)[:2] == before[:2]
    assert not Account.objects.filter(workspace=cast.acme, session_id="gina").exists()


def test_a_session_that_the_account_left_there_gives_no_say(cast, call, neighbour):
    """It ran on whatsapp-1 once: the calls know present sessions only."""
    SupersededSession.objects.create(
        gateway=cast.gateway, session_id="old", account=neighbour, confirmed_at=cast.ago(900)
    )
    before = trace(neighbour)
    for method, path, body in CALLS:
        status, text = call(method, path, body, session="old", pk=neighbour.pk)
        assert status == (404 if "{" in path else 200)
        assert str(neighbour.phone_number) not in text
    assert trace(neighbour) == before


def test_an_account_that_moved_away_is_the_new_gateway_s_only(cast, call, neighbour):
    give_secret(cast.other_gateway, "api_key", "key-of-whatsapp-2")
    Account.objects.filter(pk=neighbour.pk).update(gateway=cast.gateway)
    before = trace(neighbour)
    for method, path, body in CALLS:
        call(method, path, body, session="gina", pk=neighbour.pk, key="key-of-whatsapp-2")
    assert trace(neighbour) == before
