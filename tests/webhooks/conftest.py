from __future__ import annotations

import pytest

from tests.cast import make_cast
from tests.webhooks.sending import KEY, Sender, give_secret
from webhooks import keyring


@pytest.fixture(autouse=True)
def _no_remembered_keys():
    """A process remembers the keys for some seconds: no test may open a door with another's."""
    keyring.forget()
    yield
    keyring.forget()


@pytest.fixture
def cast(db):
    """The usual people; their first gateway has a key and a secret."""
    cast = make_cast()
    give_secret(cast.gateway, "api_key", KEY)
    give_secret(cast.gateway, "hmac", Sender().secret)
    return cast


@pytest.fixture
def sender(cast):
    """The first gateway, speaking."""
    return Sender()


@pytest.fixture
def at(monkeypatch):
    """Set every clock to a moment: that of the tolerance, and that of receipts."""

    def set_to(moment):
        monkeypatch.setattr("django.utils.timezone.now", lambda: moment)
        monkeypatch.setattr("accounts.clock.database_now", lambda: moment)

    return set_to
