from __future__ import annotations

import os
import secrets

import pytest

from gateways.wire import http
from gateways.wire.address_guard import Whom
from tests.cast import a_gateway, make_cast
from tests.webhooks.sending import KEY, Sender, give_secret
from tests.webhooks.serving import served
from webhooks.auth import candidates, keyring
from webhooks.auth.strangers import strangers
from webhooks.inbox import receive


@pytest.fixture(autouse=True)
def _no_remembered_keys():
    """Forget what a process remembers: the keys, which of them fitted lately, who was refused, and
    when the last webhook arrived. No test may open a door with another's, nor come after it."""
    keyring.forget()
    strangers.forget()
    candidates._lately.clear()
    receive._group._last_arrival = None
    yield
    keyring.forget()


@pytest.fixture(scope="session", autouse=True)
def _no_idle_connections():
    """Close idle connections to backends of finished tests."""
    yield
    for whom in Whom:
        http._shared_transport(os.getpid(), whom).close()


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
        monkeypatch.setattr("accounts.store.clock.database_now", lambda: moment)

    return set_to


@pytest.fixture(scope="session")
def server(django_db_setup, tmp_path_factory):
    """gunicorn, for all tests that need real sockets."""
    with served(tmp_path_factory.mktemp("web")) as server:
        yield server


@pytest.fixture
def secret(transactional_db, server, throwaway_redis):
    """The usual people's first gateway's, once both of the server's processes know it; what they
    refused before is forgotten."""
    cast = make_cast()
    secret = f"secret {secrets.token_hex(8)}"
    give_secret(cast.gateway, "hmac", secret)
    server.learn(secret)
    throwaway_redis.flushall()
    return secret


@pytest.fixture
def crowd(secret, server):
    """The same among 200 gateways."""
    for number in range(198):
        gateway = a_gateway(f"node-{number}", base_url=f"http://node-{number}:3001")
        give_secret(gateway, "hmac", f"{secret} {number}")
    server.learn(f"{secret} 197")
    return secret
