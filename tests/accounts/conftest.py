from __future__ import annotations

import pytest

from accounts import doorbell
from tests.accounts.receivers import HookServer, MailServer, serving
from tests.cast import make_cast


@pytest.fixture
def cast(db):
    return make_cast()


@pytest.fixture
def rung(monkeypatch):
    """What the doorbell was rung for, as (task, arguments), once committed."""
    calls = []
    monkeypatch.setattr(doorbell, "_send", lambda task, args: calls.append((task, args)))
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
