"""2xx means that it is committed: without the database the answer is 503, without Redis it is not
needed."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from tests.cast import make_cast
from tests.instance.running import until
from tests.webhooks.sending import as_bytes, event, give_secret, lost
from tests.webhooks.serving import served
from webhooks.models import Delivery


@contextmanager
def the_database_gone() -> Iterator[None]:
    """Cut the database's connections and refuse new ones; our own open one stays."""
    name = settings.DATABASES["default"]["NAME"]
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as outside:
        outside.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        try:
            outside.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = %s AND backend_type = 'client backend' AND pid <> %s",
                [name, our_own_pid()],
            )
            yield
        finally:
            outside.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


def our_own_pid() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


def test_what_cannot_be_committed_is_answered_503_and_comes_back(server, secret):
    with the_database_gone():
        answer = server.send_signed(secret, as_bytes(lost()))
        assert answer.status == 503 and "send it again" in answer.json()["reason"]
        assert not Delivery.objects.filter(session_id="alice").exists()
    until(lambda: server.send_signed(secret, as_bytes(lost())).status == 200)
    assert Delivery.objects.filter(session_id="alice").exists()


@pytest.fixture(scope="module")
def without_redis(django_db_setup, tmp_path_factory):
    nobody = {"REDIS_URL": "redis://127.0.0.1:1/0"}
    with served(tmp_path_factory.mktemp("web"), **nobody) as server:
        yield server


@pytest.mark.parametrize(
    ("said", "state"),
    [
        (lost(), "applied"),
        (event("session_ready"), "applied"),
        (event("qr_code_generated", "bob", qr_code="data:image/png;base64,AAAA"), "applied"),
        (event("session_reconnected"), "applied"),
        (event("message_received"), "noted"),
    ],
    ids=["a loss", "a login", "a QR code", "a hint", "a message"],
)
def test_without_redis_every_webhook_is_taken_in_time(without_redis, transactional_db, said, state):
    secret = f"secret {secrets.token_hex(8)}"
    give_secret(make_cast().gateway, "hmac", secret)
    without_redis.learn(secret)
    answer = without_redis.send_signed(secret, as_bytes(said))
    assert (answer.status, answer.json()["state"]) == (200, state)
    assert answer.seconds < 1
