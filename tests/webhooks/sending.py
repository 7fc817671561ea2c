"""A gateway as it speaks: its secrets, its address, and webhooks signed as the Node service signs
them (written anew here, so that the tests do not believe our own signing)."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Lock

from django.test import Client

from accounts.models import Gateway, GatewaySecret
from accounts.store.clock import database_now
from webhooks.models import Delivery

PATH = "/api/webhooks/webjs"
KEY = "key-of-whatsapp-1"
SECRET = "secret-of-whatsapp-1"


def give_secret(gateway: Gateway, purpose: str, value: str, *, ends_in: float | None = None):
    """Add a secret, valid for `ends_in` more seconds (negative: it has ended)."""
    not_after = None if ends_in is None else database_now() + timedelta(seconds=ends_in)
    row = GatewaySecret(gateway=gateway, purpose=purpose, not_after=not_after)
    row.secret = value
    row.save()
    return row


def sign(secret: str, timestamp: str, body: bytes) -> str:
    return hmac.new(secret.encode(), timestamp.encode() + body, hashlib.sha256).hexdigest()


_used: dict[tuple[str, bytes], set[int]] = {}
_signing = Lock()


def signed(secret: str, body: bytes, *, timestamp: str | None = None) -> dict[str, str]:
    """The same body signed twice within a second would be a repetition: each time its moment is
    another, up to 4 min ago."""
    timestamp = str(_moment_for(secret, body)) if timestamp is None else timestamp
    return {"X-Timestamp": timestamp, "X-HMAC-Signature": sign(secret, timestamp, body)}


def _moment_for(secret: str, body: bytes) -> int:
    now = int(time.time())
    with _signing:
        used = _used.setdefault((secret, hashlib.sha256(body).digest()), set())
        moment = next((now - age for age in range(240) if now - age not in used), now)
        used.add(moment)
    return moment


def as_bytes(said: object) -> bytes:
    return said if isinstance(said, bytes) else json.dumps(said, separators=(",", ":")).encode()


def event(name: str, session_id: object = "alice", **data: object) -> dict[str, object]:
    return {"event": name, "data": {"session_id": session_id} | data}


def lost(session_id: object = "alice", reason: object = "NAVIGATION", **data: object):
    return event("session_disconnected", session_id, reason=reason, **data)


def as_a_stranger() -> Client:
    """A client like real senders: without a CSRF token, and our errors become answers."""
    return Client(enforce_csrf_checks=True, raise_request_exception=False)


@dataclass
class Sender:
    """Posts through Django's test client, as the gateway that has this secret."""

    secret: str = SECRET
    client: Client = field(default_factory=as_a_stranger)

    def send(self, said: object, *, path: str = PATH, **more: str):
        """`more`: headers beside or instead of the signature's."""
        body = as_bytes(said)
        return self.post(body, signed(self.secret, body) | named(more), path=path)

    def post(self, body: bytes, headers: dict[str, str], *, path: str = PATH):
        return self.client.generic("POST", path, body, "application/json", headers=headers)


def named(headers: dict[str, str]) -> dict[str, str]:
    """x_instance_url=… as a header's name."""
    return {name.replace("_", "-"): value for name, value in headers.items()}


def the_delivery() -> Delivery:
    """The only row of the inbox."""
    return Delivery.objects.get()
