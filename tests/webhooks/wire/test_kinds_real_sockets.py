"""The other kinds over real sockets: media of 50 MB, headers sent twice, and what is logged."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.cast import make_cast
from tests.instance.running import until
from tests.webhooks.sending import as_bytes
from tests.webhooks.speaking import LOST, a_gateway_of, evolution_claims, jwt_of
from webhooks.models import Delivery

FIFTY_MB = 50_000_000
MOST_GROWTH_BYTES = 64_000_000
MESSAGES = {
    "wwebjs_api": {"dataType": "message", "sessionId": "alice", "data": {"media": "MEDIA"}},
    "waha": {"event": "message", "session": "alice", "payload": {"media": "MEDIA"}},
    "evolution": {"event": "messages.upsert", "instance": "alice", "data": [{"media": "MEDIA"}]},
    "wppconnect": {"event": "onmessage", "session": "alice", "body": "MEDIA"},
}


def headers_of(kind, own, body):
    """Return the credentials of this kind; WPPConnect has none."""
    digest = hmac.new(own.encode(), body, hashlib.sha512).hexdigest()
    return {
        "waha": {"X-Webhook-Hmac": digest, "X-Webhook-Hmac-Algorithm": "sha512"},
        "evolution": {"Authorization": f"Bearer {jwt_of(evolution_claims(), own)}"},
        "wwebjs_api": {"x-api-key": own},
    }.get(kind, {})


@pytest.fixture
def own(transactional_db, server):
    """Set one secret for all purposes of a gateway of each kind, once the server knows it."""
    cast, own = make_cast(), f"own-{secrets.token_hex(20)}"
    for kind in MESSAGES:
        a_gateway_of(cast, kind, hmac=own, api_key=own, path=own)
    path = f"/api/webhooks/wppconnect/{own}"
    body = as_bytes(LOST["wppconnect"] | {"session": "nobody"})

    def is_known():
        with ThreadPoolExecutor(20) as senders:
            answers = senders.map(lambda _: server.send(body, {}, path=path), range(40))
            return {answer.status for answer in answers} == {200}

    until(is_known)
    Delivery.objects.all().delete()
    return own


def path_of(kind, own):
    return f"/api/webhooks/{kind}" + (f"/{own}" if kind == "wppconnect" else "")


@pytest.mark.parametrize("kind", sorted(MESSAGES))
def test_media_of_50_mb_pass_in_bounded_memory_and_leave_nothing(server, own, kind):
    head, tail = as_bytes(MESSAGES[kind]).split(b"MEDIA")
    body = head + b"A" * FIFTY_MB + tail
    before = server.memory_bytes()

    answer = server.send(body, headers_of(kind, own, body), path=path_of(kind, own))

    assert (answer.status, answer.json()["state"]) == (200, "noted")
    assert server.memory_bytes() - before < MOST_GROWTH_BYTES
    assert not Delivery.objects.exists()


def test_a_signature_sent_twice_is_none(server, own):
    body = as_bytes(LOST["waha"])
    good = headers_of("waha", own, body)["X-Webhook-Hmac"]
    smuggled = f"{good}\r\nX-Webhook-Hmac: {'0' * 128}"

    assert server.send(body, {"X-Webhook-Hmac": smuggled}, path="/api/webhooks/waha").status == 401


def test_a_header_under_another_spelling_is_not_believed(server, own):
    """`X_Webhook_Hmac` would become the same variable: the server drops it."""
    body = as_bytes(LOST["waha"])
    good = headers_of("waha", own, body)["X-Webhook-Hmac"]

    assert server.send(body, {"X_Webhook_Hmac": good}, path="/api/webhooks/waha").status == 401


def test_the_server_s_log_holds_no_path_token_and_no_key(server, own):
    for kind in MESSAGES:
        server.send(b"not json", headers_of(kind, own, b"not json"), path=path_of(kind, own))
        server.send(b"{}", {}, path=f"/api/webhooks/{kind}/{own}x")
        server.send(b"{}", {}, path=f"/api/webhooks/nobody/{own}")

    assert Delivery.objects.filter(state="dead").count() == len(MESSAGES)
    assert own not in "\n".join(server.logged())
