from __future__ import annotations

import pytest

from accounts.explain.explanation import explain
from accounts.models import Account, Gateway
from accounts.store import enqueue
from tests.accounts.alerts.receivers import HookServer, MailServer, serving
from tests.cast import make_cast


@pytest.fixture
def cast(db):
    return make_cast()


@pytest.fixture
def rung(monkeypatch):
    """Record the tasks that were enqueued, as (task, arguments), after the commit."""
    calls = []
    monkeypatch.setattr(enqueue, "_send", lambda task, args: calls.append((task, args)))
    return calls


@pytest.fixture
def mail_server(settings):
    with serving(MailServer()) as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        yield server


@pytest.fixture
def hook():
    with serving(HookServer()) as server:
        yield server


@pytest.fixture
def say(cast):
    """Return a function that explains an account in these circumstances, a second later."""

    def explained(status, *, gateway=None, **fields):
        sight = {"run_started_at": cast.ago(5), "listed_at": cast.ago(5)} | (gateway or {})
        Gateway.objects.filter(pk=cast.gateway.pk).update(**sight)
        account = cast.an_account("dana", status, **{"read_at": cast.ago(5)} | fields)
        account = Account.objects.select_related("gateway").get(pk=account.pk)
        return explain(account, cast.now)

    return explained
