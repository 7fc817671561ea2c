"""Gateways of the other kinds as they speak: their bodies, and how each proves who it is (written
anew here, so that the tests do not believe our own code)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time

from django.test import Client

from accounts.models import Account, Gateway
from tests.cast import Cast, a_gateway
from tests.webhooks.sending import as_bytes, give_secret

SECRET = "a-secret-of-no-other-gateway-than-this-one"
KEY = "a-key-of-no-other-gateway"
TOKEN = "a-path-of-no-other-gateway"

# One body of each kind that says: the session "alice" is lost.
LOST = {
    "webjs": {
        "event": "session_disconnected",
        "data": {"session_id": "alice", "reason": "NAVIGATION"},
    },
    "wwebjs_api": {
        "dataType": "disconnected",
        "data": {"reason": "CONFLICT"},
        "sessionId": "alice",
    },
    "waha": {"event": "session.status", "session": "alice", "payload": {"status": "STOPPED"}},
    "evolution": {
        "event": "connection.update",
        "instance": "alice",
        "data": {"instance": "alice", "state": "close", "statusReason": 408},
    },
    "wppconnect": {"event": "status-find", "session": "alice", "status": "browserClose"},
    "standard": {
        "type": "session.status",
        "data": {"session_id": "alice", "status": "disconnected", "reason": "network"},
    },
}


def a_gateway_of(cast: Cast, kind: str, *, name: str = "", **secrets: str) -> Gateway:
    """A gateway of this kind with secrets by their purpose; Alice's account moves to it."""
    gateway = a_gateway(name or f"{kind}-1", kind=kind)
    for purpose, value in secrets.items():
        give_secret(gateway, purpose, value)
    if not name:
        Account.objects.filter(pk=cast.alice.pk).update(gateway=gateway)
    return gateway


def post(kind: str, said: object, *, token: str = "", path: str = "", **headers: str):
    """`headers`: x_api_key=… for X-Api-Key."""
    path = path or f"/api/webhooks/{kind}" + (f"/{token}" if token else "")
    client = Client(raise_request_exception=False)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.generic("POST", path, as_bytes(said), "application/json", headers=named)


def waha_headers(body: bytes, *, secret: str = SECRET, **more: str) -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha512).hexdigest()
    return {"x_webhook_hmac": digest, "x_webhook_hmac_algorithm": "sha512"} | more


def waha_body(*, seconds_ago: float = 0, event_id: str = "evt_1", **fields: object) -> bytes:
    at = round((time.time() - seconds_ago) * 1000)
    return as_bytes({"id": event_id, "timestamp": at} | LOST["waha"] | fields)


def jwt_of(claims: dict[str, object], secret: str = SECRET, *, alg: str = "HS256") -> str:
    """A token, made by hand."""
    head = _part({"alg": alg, "typ": "JWT"}) + "." + _part(claims)
    return head + "." + _base64(hmac.new(secret.encode(), head.encode(), hashlib.sha256).digest())


def evolution_claims(*, seconds_ago: float = 0, **more: object) -> dict[str, object]:
    issued = int(time.time() - seconds_ago)
    return {"iat": issued, "exp": issued + 600, "app": "evolution", "action": "webhook"} | more


def reason_of(answer, status: int = 401) -> str:
    assert answer.status_code == status, answer.content
    return answer.json()["reason"]


def _part(said: object) -> str:
    return _base64(json.dumps(said).encode())


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
