"""Who makes one of the Node service's other calls, and whether what it says is believed at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from gateways.kind import GatewayKind
from gateways.registry import KINDS
from webhooks.auth.authentication import note_untrusted, signed_of
from webhooks.auth.candidates import Signer, choose, doors_with_key, unknown_key, without_signature
from webhooks.auth.credentials import Signed, read_credentials
from webhooks.auth.keyring import Door, keyring
from webhooks.auth.strangers import strangers
from webhooks.auth.untrusted import Untrusted
from webhooks.wire.bodies import Body, BodyRefused, incoming
from webhooks.wire.client_address import client_address

LARGEST_CALL_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The gateway that calls. `may_claim`: what it says is believed at once; else it only makes us
    look. `body` and `signed` where it has signed."""

    gateway_id: int
    may_claim: bool = True
    body: Body | None = None
    signed: Signed | None = None


class GatewayKeyAuthentication(BaseAuthentication):
    """The Node service's other calls: its API key in X-API-Key, or as a bearer token. What changes
    something may be signed like a webhook, and must be where a signature is required."""

    def authenticate(self, request: Request) -> tuple[None, Caller]:
        address = client_address(request._request.META)
        strangers.admit(address)
        try:
            caller = _caller(request)
            strangers.believed(address)
            return None, caller
        except Untrusted as untrusted:
            note_untrusted(request, untrusted)
            raise AuthenticationFailed(str(untrusted)) from None

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="rollcall"'


def _caller(request: Request) -> Caller:
    """Raises Untrusted, Ambiguous, BodyRefused."""
    meta = request._request.META
    key = _sent_key(meta)
    if not key:
        text = "send the gateway's key as X-API-Key, or as Authorization: Bearer"
        raise Untrusted("no_credentials", text)
    kind, doors = _kind_and_doors(key)
    instance_url = str(meta.get("HTTP_X_INSTANCE_URL", "")).strip().rstrip("/")
    route = request._request.resolver_match
    session_id = str(route.kwargs.get("session_id", "")) if route else ""
    door = choose(doors, instance_url, session_id)
    if request._request.method in ("GET", "HEAD", "OPTIONS"):
        return Caller(gateway_id=door.gateway_id)
    return _signed_call(meta, kind, door) or _unsigned_call(door)


def _sent_key(meta: Mapping[str, Any]) -> str:
    bearer = str(meta.get("HTTP_AUTHORIZATION", ""))
    key = str(meta.get("HTTP_X_API_KEY", "")).strip()
    if not key and bearer.lower().startswith("bearer "):
        return bearer[len("bearer ") :].strip()
    return key


def _kind_and_doors(key: str) -> tuple[GatewayKind, tuple[Door, ...]]:
    """Return the kind that the path names, and its doors. Raises Untrusted."""
    asking = [kind for kind in KINDS.values() if kind.asks_us]
    for kind in asking:
        if doors := doors_with_key(kind.name, key):
            return kind, doors
    raise unknown_key([kind.name for kind in asking], key, "this key")


def _signed_call(meta: Mapping[str, Any], kind: GatewayKind, door: Door) -> Caller | None:
    """Return the verified call; None if it is unsigned or no secret is stored to check it. Raises
    Untrusted."""
    credentials = read_credentials(
        meta, kind.profile, now_seconds=timezone.now().timestamp(), path_is_enough=True
    )
    if not credentials.signatures or not keyring(kind.name).of([door]).by_secret:
        return None
    coming = incoming(meta)
    if (coming.length or 0) > LARGEST_CALL_BYTES:
        raise BodyRefused(413, f"the body is larger than {LARGEST_CALL_BYTES} bytes")
    signer = Signer(
        credentials=credentials,
        session_field=kind.profile.session_field,
        ring=lambda seconds: keyring(kind.name, at_most_seconds=seconds).of([door]),
    )
    _, body = signer.listen(coming, take=lambda likely, first: None)
    signed = signed_of(credentials, body)
    return Caller(gateway_id=door.gateway_id, body=body, signed=signed)


def _unsigned_call(door: Door) -> Caller:
    """The Node service as it is shipped signs its webhooks and not its calls: once it has signed,
    an unsigned call moves nothing, but is not turned away."""
    if door.require_signature:
        without_signature((door,))
    return Caller(gateway_id=door.gateway_id, may_claim=not door.must_sign)
