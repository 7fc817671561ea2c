"""Gateways send their own admin key with every webhook, in a header or in the body: of every kind,
and whatever becomes of the webhook, it is in no row, log, page, answer or Redis key."""

from __future__ import annotations

import logging

import pytest
import redis
from django.contrib.auth.models import User
from django.test import Client

from accounts.models import Gateway
from config.logs import JsonFormatter
from tests.webhooks.inbox.test_nothing_kept import all_rows
from tests.webhooks.sending import as_bytes
from tests.webhooks.speaking import LOST, TOKEN, a_gateway_of, post
from webhooks.forwarding.sender import send_forwards
from webhooks.inbox import receive
from webhooks.inbox.activity import flush_life
from webhooks.models import Delivery, RefusedRequest
from webhooks.route_monitor.last_seen import flush_routes
from webhooks.route_monitor.refused_requests import flush_refusals
from webhooks.route_monitor.tallies import flush_tallies

# A sound key, short and plain enough to pass for a word.
ADMIN_KEY = "B6D711FCDE4D4FD59365A8A8-admin"
MESSAGES = {
    "webjs": {"event": "message_received", "data": {"session_id": "alice"}},
    "wwebjs_api": {"dataType": "message", "sessionId": "alice", "data": {}},
    "waha": {"event": "message", "session": "alice", "payload": {}},
    "evolution": {"event": "messages.upsert", "instance": "alice", "data": {}},
    "wppconnect": {"event": "onmessage", "session": "alice"},
    "standard": {"type": "message.received", "data": {"session_id": "alice"}},
}
KEYS = {
    **{"apikey": ADMIN_KEY, "server_url": f"http://u:{ADMIN_KEY}@node:1", "token": ADMIN_KEY},
    **{"body": ADMIN_KEY, ADMIN_KEY: {ADMIN_KEY: [ADMIN_KEY]}, "status2": ADMIN_KEY},
}
HEADERS = {"apikey": ADMIN_KEY, "x_api_key": ADMIN_KEY, "x_hub_secret": ADMIN_KEY}
STRANGE = f"/hooks/{ADMIN_KEY}/in"


@pytest.fixture
def places(caplog, throwaway_redis: redis.Redis):
    """Wherever it could be, as text."""
    caplog.set_level(logging.DEBUG)

    def texts() -> dict[str, str]:
        lines = [JsonFormatter().format(record) for record in caplog.records]
        own = [line for line in lines if "django.db.backends" not in line]
        before = all_of(throwaway_redis)
        for flush in (flush_life, flush_refusals, flush_tallies, flush_routes, send_forwards):
            flush()
        return {
            "redis": before + all_of(throwaway_redis),
            "rows": all_rows(),
            "logs": "\n".join(own),
            "pages": the_pages(),
        }

    return texts


def all_of(client: redis.Redis) -> str:
    read = {b"hash": client.hgetall, b"string": client.get, b"set": client.smembers}
    texts = []
    for key in client.keys("*"):
        kind = client.type(key)
        value = client.lrange(key, 0, -1) if kind == b"list" else read[kind](key)
        texts.append(f"{key!r}: {value!r}")
    return "\n".join(texts)


def the_pages() -> str:
    client = Client()
    client.force_login(User.objects.create(username="root", is_staff=True, is_superuser=True))
    paths = ["delivery/", "refusedrequest/", "route/"]
    paths += [f"delivery/{row.pk}/change/" for row in Delivery.objects.all()[:3]]
    paths += [f"refusedrequest/{row.pk}/change/" for row in RefusedRequest.objects.all()[:3]]
    return "".join(client.get(f"/admin/webhooks/{path}").content.decode() for path in paths)


def with_keys(said: dict) -> dict:
    """Beside what it says, and in every part of it."""
    parts = {name: with_keys(part) for name, part in said.items() if isinstance(part, dict)}
    return said | parts | KEYS


def everything_that_comes(kind: str) -> list[bytes]:
    unknown = LOST[kind] | {"event": "moon.phase", "type": "moon.phase", "dataType": "moon"}
    whole = [as_bytes(with_keys(said)) for said in (LOST[kind], MESSAGES[kind], unknown)]
    return [*whole, whole[0][:-2], as_bytes([KEYS]), ADMIN_KEY.encode()]


@pytest.mark.parametrize("kind", LOST)
@pytest.mark.parametrize("is_handed_on", [False, True], ids=["kept", "handed on"])
def test_a_trusted_gateways_own_key_is_kept_nowhere(cast, places, kind, is_handed_on) -> None:
    gateway = a_gateway_of(cast, kind, path=TOKEN)
    if is_handed_on:
        Gateway.objects.filter(pk=gateway.pk).update(forward_url="http://127.0.0.1:1/hook")
    answers = [
        post(kind, body, token=TOKEN, **HEADERS).content.decode()
        for body in everything_that_comes(kind)
    ]
    states = set(Delivery.objects.values_list("state", flat=True))
    assert {"applied", "ignored", "dead"} <= states
    assert_nowhere(places() | {"answers": "".join(answers)}, ADMIN_KEY, TOKEN)


@pytest.mark.parametrize("kind", LOST)
def test_a_strangers_key_is_kept_nowhere(cast, places, kind) -> None:
    a_gateway_of(cast, kind, path=TOKEN, api_key="another", hmac="another")
    answers = []
    for body in everything_that_comes(kind):
        for path in (f"/api/webhooks/{kind}", f"/api/webhooks/{kind}/{ADMIN_KEY}", STRANGE):
            answer = post(kind, body, path=path, **HEADERS)
            assert answer.status_code in (401, 404)
            answers.append(answer.content.decode())
    found = places()
    assert RefusedRequest.objects.exists()
    assert_nowhere(found | {"answers": "".join(answers)}, ADMIN_KEY)


@pytest.mark.parametrize("kind", LOST)
def test_an_error_of_ours_quotes_no_key(cast, places, kind, monkeypatch) -> None:
    def fail(observations) -> None:
        raise ValueError(f"a defect of ours, at {observations[0].session_id}")

    monkeypatch.setattr(receive, "observe", fail)
    a_gateway_of(cast, kind, path=TOKEN)
    answer = post(kind, with_keys(LOST[kind]), token=TOKEN, **HEADERS)
    assert answer.json()["state"] == "pending"
    assert_nowhere(places(), ADMIN_KEY, TOKEN)


def assert_nowhere(found: dict[str, str], *secrets: str) -> None:
    for place, text in found.items():
        for secret in secrets:
            at = text.find(secret)
            assert at < 0, f"in {place}: …{text[max(0, at - 200) : at + 60]}…"
