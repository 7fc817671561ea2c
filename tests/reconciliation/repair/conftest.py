from __future__ import annotations

import pytest

from accounts.words.status import Status
from gateways.base import Reason
from tests.reconciliation.repair.attempts import a_change


@pytest.fixture
def rung(monkeypatch):
    """Let enqueued tasks wait: no worker runs."""
    monkeypatch.setattr("accounts.store.enqueue._send", lambda task, args: None)


@pytest.fixture
def long_waits(monkeypatch):
    """Make the jitter nearly as long as it can be."""
    monkeypatch.setattr("reconciliation.repair.cases._chance", lambda *seed: 0.9)


@pytest.fixture
def lost(scene):
    """Return a function that creates an account that was stable for long and was lost ten minutes
    ago."""

    def make(name: str, status=Status.DISCONNECTED, reason=Reason.BROWSER_GONE, **fields):
        since = fields.pop("since", scene.cast.ago(600))
        account = scene.cast.an_account(
            name, status, status_reason=reason, status_since=since, **fields
        )
        a_change(account, Status.CONNECTED, status, at=since)
        return account

    scene.tick()
    return make
