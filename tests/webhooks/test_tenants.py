"""Webhooks and calls about another workspace's account, from a gateway that does not serve it."""

from __future__ import annotations

import json

import pytest
from django.forms import model_to_dict

from accounts.models import Account, Repair, SupersededSession, Transition
from accounts.words.status import Status
from tests.webhooks.sending import KEY, event
from webhooks.models import Delivery

API = "/api/whatsapp"
EVENTS = {
    "session_ready": {},
    "session_authenticated": {},
    "session_disconnected": {"reason": "NAVIGATION"},
    "session_logged_out": {"reason": "LOGOUT"},
    "session_reconnected": {},
    "session_failed": {"error": "x"},
    "qr_code": {"qr_code": "2@x"},
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
        model_to_dict(Account.objects.get(pk=account.pk)),
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


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "accounts/gina/status", None, 404),
        ("GET", "accounts/by-session/gina", None, 404),
        ("POST", "sessions/gina/mark-disconnected", {"reason": "x"}, 404),
        ("POST", "accounts/gina/mark-disconnected", {"reason": "x"}, 404),
        ("PATCH", "accounts/{pk}/status", {"status": "disconnected"}, 404),
        ("POST", "cleanup-logs", {"whatsapp_account_id": "{pk}", "action": "x"}, 200),
        ("GET", "accounts/active", None, 200),
        ("GET", "accounts-for-cleanup", None, 200),
        ("GET", "cleanup-stats", None, 200),
    ],
)
def test_no_call_reads_or_moves_it(sender, neighbour, method, path, body, status):
    before = trace(neighbour)
    answer = sender.client.generic(
        method,
        f"{API}/{path}".format(pk=neighbour.pk),
        json.dumps(body).replace('"{pk}"', str(neighbour.pk)) if body else "",
        "application/json",
        headers={"X-API-Key": KEY},
    )
    assert answer.status_code == status, answer.content
    assert trace(neighbour) == before
    assert str(neighbour.phone_number) not in answer.content.decode()
