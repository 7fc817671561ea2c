"""Who is speaking: the gateway is the one whose secret verifies over the raw bytes."""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.models import Account
from webhooks import refusals
from webhooks.bodies import Body, BodyRefused, Incoming, drain, incoming, read_body
from webhooks.credentials import Credentials, Untrusted, read_credentials
from webhooks.errors import Ambiguous, release_connection
from webhooks.keyring import DOUBTED_AFTER_SECONDS, Door, Keyring, keyring

logger = logging.getLogger(__name__)
# So many secrets are hashed over a body that is too large to keep; the hints must narrow them.
LARGE_BODY_SECRETS = 4
# Up to this size every secret may be tried when no hint fits.
ANY_SECRET_BYTES = 64 * 1024
# Large bodies in progress in this process: half of its threads (instance/web.py), so that small
# webhooks always find one.
LARGE_BODIES = threading.BoundedSemaphore(16)
_SESSION_ID = re.compile(rb'"session_id"\s*+:\s*+"([^"\\]{1,255})"')
_HINT_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """An authenticated request: whose it is, and its body."""

    gateway_id: int
    body: Body


class WebhookAuthentication(BaseAuthentication):
    """Reads the body as a stream: never touch `request.data` or `request.body` beside it."""

    def authenticate(self, request: Request) -> tuple[None, Speaker]:
        meta = request._request.META
        body = incoming(meta)
        try:
            credentials = read_credentials(meta, now_seconds=timezone.now().timestamp())
            return None, _listen(body, credentials)
        except Untrusted as untrusted:
            drain(body)
            refusals.count(untrusted.code)
            raise AuthenticationFailed(str(untrusted)) from None
        except BodyRefused:
            drain(body)
            raise

    def authenticate_header(self, request: Request) -> str:
        """Makes the answer 401 instead of 403."""
        return 'HMAC realm="rollcall"'


class GatewayKeyAuthentication(BaseAuthentication):
    """The Node service's other calls: its API key in X-API-Key, or as a bearer token."""

    def authenticate(self, request: Request) -> tuple[None, int]:
        meta = request._request.META
        bearer = str(meta.get("HTTP_AUTHORIZATION", ""))
        key = str(meta.get("HTTP_X_API_KEY", "")).strip()
        if not key and bearer.lower().startswith("bearer "):
            key = bearer[len("bearer ") :].strip()
        doors = _doors_with_key(key) if key else ()
        if not doors:
            refusals.count("unknown_key" if key else "no_credentials")
            raise AuthenticationFailed(
                "this key belongs to no gateway"
                if key
                else "send the gateway's key as X-API-Key, or as Authorization: Bearer"
            )
        instance_url = str(meta.get("HTTP_X_INSTANCE_URL", "")).strip().rstrip("/")
        route = request._request.resolver_match
        session_id = str(route.kwargs.get("session_id", "")) if route else ""
        return None, _choose(doors, instance_url, session_id).gateway_id

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="rollcall"'


def _listen(coming: Incoming, credentials: Credentials) -> Speaker:
    ring = keyring()
    if credentials.key:
        doors = _doors_with_key(credentials.key)
        if not doors:
            raise Untrusted("unknown_key", "X-API-Key belongs to no gateway of ours")
        release_connection()
        with _slot() as take:
            body = read_body(coming, large=lambda first: take())
        return _speaker(doors, credentials, body)
    checks: list[Check] = []

    def large(first: bytes) -> Iterable[Any]:
        take()
        fresh = keyring(at_most_seconds=DOUBTED_AFTER_SECONDS)
        checks.extend(_narrowed(fresh, credentials, first))
        release_connection()
        return [check.hash for check in checks]

    release_connection()
    with _slot() as take:
        body = read_body(coming, large=large)
    if not body.is_squeezed:
        checks = _tried(ring, credentials, body.content)
    return _speaker(_verified(checks, credentials), credentials, body)


@dataclass(frozen=True, slots=True)
class Check:
    """One secret's hash over timestamp and body."""

    doors: tuple[Door, ...]
    hash: Any


def _check(ring: Keyring, secret: bytes, credentials: Credentials) -> Check:
    digest = hmac.new(secret, credentials.timestamp.encode(), hashlib.sha256)
    return Check(ring.by_secret[secret], digest)


def _verified(checks: Sequence[Check], credentials: Credentials) -> tuple[Door, ...]:
    for check in checks:
        if hmac.compare_digest(check.hash.digest(), credentials.signature):
            return check.doors
    raise Untrusted(
        "wrong_signature",
        "the signature fits no active secret: is the gateway's HMAC secret the one that Rollcall "
        "has, and is the raw body signed?",
    )


def _tried(ring: Keyring, credentials: Credentials, content: bytes) -> list[Check]:
    """The check that fits, of those the hints name, else of all; once more with fresh secrets."""
    for rounds in (ring, None):
        current = rounds or keyring(at_most_seconds=DOUBTED_AFTER_SECONDS)
        for secret in _candidates(current, credentials, content):
            check = _check(current, secret, credentials)
            check.hash.update(content)
            if hmac.compare_digest(check.hash.digest(), credentials.signature):
                return [check]
        if current.age_seconds <= DOUBTED_AFTER_SECONDS:
            break
    return []


def _candidates(ring: Keyring, credentials: Credentials, content: bytes) -> list[bytes]:
    """Of a small body any secret may be tried, the likely ones first. Raises Untrusted."""
    if len(content) > ANY_SECRET_BYTES:
        return _worth_hashing(ring, credentials, content)
    likely = _likely(ring, credentials, content)
    return [*likely, *(secret for secret in ring.by_secret if secret not in likely)]


def _narrowed(ring: Keyring, credentials: Credentials, first: bytes) -> list[Check]:
    """Whose hashes are computed while a large body passes. Raises Untrusted."""
    likely = _worth_hashing(ring, credentials, first)[:LARGE_BODY_SECRETS]
    return [_check(ring, secret, credentials) for secret in likely]


def _worth_hashing(ring: Keyring, credentials: Credentials, content: bytes) -> list[bytes]:
    """The secrets that may sign a body of some size. Raises Untrusted when nobody's may."""
    if len(ring.by_secret) <= LARGE_BODY_SECRETS:
        return list(ring.by_secret)
    likely = _likely(ring, credentials, content)
    if not likely:
        raise Untrusted(
            "unknown_sender",
            "a body of this size needs an X-Instance-Url that is a registered gateway's address, "
            "or a session_id that Rollcall knows in its first 64 kB",
        )
    return likely


def _likely(ring: Keyring, credentials: Credentials, content: bytes) -> list[bytes]:
    """The secrets of gateways that the request hints at; a hint alone opens nothing. Both hints
    count: many instances say "http://localhost:3001", which is at most one gateway's address."""
    hinted = ring.secrets_of(ring.gateways_at(credentials.instance_url))
    if len(ring.by_secret) <= LARGE_BODY_SECRETS:
        return hinted
    holding = ring.secrets_of(_holders(_session_id(content)))
    return [*hinted, *(secret for secret in holding if secret not in hinted)]


def _session_id(content: bytes) -> str:
    """The first session that is named near the beginning; "" where there is none."""
    found = _SESSION_ID.search(content, 0, _HINT_BYTES)
    return found.group(1).decode("utf-8", "replace") if found else ""


def _holders(session_id: str) -> set[int]:
    """The gateways that hold, or held, a session of this name."""
    if not session_id or not session_id.isprintable():
        return set()
    named = Q(session_id=session_id) | Q(superseded_sessions__session_id=session_id)
    return set(Account.objects.filter(named).values_list("gateway_id", flat=True)[:8])


def _doors_with_key(key: str) -> tuple[Door, ...]:
    return keyring().with_key(key) or keyring(at_most_seconds=DOUBTED_AFTER_SECONDS).with_key(key)


def _speaker(doors: tuple[Door, ...], credentials: Credentials, body: Body) -> Speaker:
    session_id = _session_id(body.content) if len(doors) > 1 else ""
    door = _choose(doors, credentials.instance_url, session_id)
    return Speaker(gateway_id=door.gateway_id, body=body)


def _choose(doors: tuple[Door, ...], instance_url: str, session_id: str) -> Door:
    """Several instances of one installation may share a key. The address they say they have may
    choose among them, else the session that is spoken of; never anybody outside of them."""
    if len(doors) == 1:
        return doors[0]
    named = [door for door in doors if instance_url and door.base_url == instance_url]
    if len(named) == 1:
        return named[0]
    holders = _holders(session_id)
    holding = [door for door in doors if door.gateway_id in holders]
    if len(holding) == 1:
        return holding[0]
    raise Ambiguous(
        f"{len(doors)} gateways share this key and neither X-Instance-Url nor the session says "
        "which one speaks: give each its own key, or register the address that it sends"
    )


@contextmanager
def _slot() -> Iterator[Any]:
    """`take` is called when a body turns out to be large; its slot is given back at the end."""
    taken: list[bool] = []

    def take() -> tuple[Any, ...]:
        if not LARGE_BODIES.acquire(blocking=False):
            raise BodyRefused(
                429, "too many large bodies at once: send it again in a moment", retry_after=1
            )
        taken.append(True)
        return ()

    try:
        yield take
    finally:
        if taken:
            LARGE_BODIES.release()
