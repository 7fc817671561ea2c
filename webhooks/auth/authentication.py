"""Webhook authentication: the sender is the gateway whose secret verifies over the raw bytes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.store.database import release_connection
from gateways.profiles import Profile
from gateways.registry import KINDS
from gateways.wire.backend import Backend, headers_to_hand_on
from gateways.wire.untrusted import printable
from webhooks.auth.candidates import (
    Signer,
    choose,
    doors_with_key,
    doors_with_path,
    holders,
    session_id_in,
    unknown_key,
    without_signature,
)
from webhooks.auth.credentials import (
    Credentials,
    Signed,
    read_credentials,
    with_our_names,
)
from webhooks.auth.keyring import DOUBTED_AFTER_SECONDS, LIVES_SECONDS, Door, Keyring, keyring
from webhooks.auth.strangers import strangers
from webhooks.auth.tokens import secret_of
from webhooks.auth.untrusted import Untrusted
from webhooks.forwarding.held_back import HeldBack
from webhooks.forwarding.stream_through import Onward, Relay
from webhooks.route_monitor.refused_requests import Refusal, note_refusal
from webhooks.route_monitor.source_address import comes_from
from webhooks.wire.bodies import (
    Body,
    BodyRefused,
    Hasher,
    Incoming,
    Watchers,
    drain,
    incoming,
    read_body,
    refuse_compressed,
)
from webhooks.wire.client_address import client_address, sender_of
from webhooks.wire.errors import Ambiguous
from webhooks.wire.guards import Circle, refuse_our_own, via
from webhooks.wire.outline import outline

logger = logging.getLogger(__name__)
# Large bodies in progress in this process: half of its threads, so that small webhooks always find
# one.
LARGE_BODIES = threading.BoundedSemaphore(settings.THREADS // 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOn:
    """The target for forwarding a gateway's webhooks, and the headers to send.

    `relay` is set if a large body is already on its way, or held back for it.
    """

    url: str
    headers: Mapping[str, str]
    relay: Onward | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """An authenticated request: whose it is, its body, and what its headers say of it.
    `is_signed`: by a secret of the gateway's, and not merely sent with a key or to its path;
    `signed` where that covers the body. `has_signed`: it did so before."""

    gateway_id: int
    body: Body
    is_signed: bool
    has_signed: bool
    signed: Signed | None = None
    event_id: str | None = None
    handed: HandedOn | None = None


class WebhookAuthentication(BaseAuthentication):
    """The authentication of webhooks. It reads the body as a stream: never use `request.data` or
    `request.body` beside it.

    The route determines the gateway kind, and may contain the token of a gateway's own path.
    """

    is_misrouted = False

    def authenticate(self, request: Request) -> tuple[None, Speaker]:
        meta = request._request.META
        route: dict[str, str] = request.parser_context["kwargs"]
        body = incoming(meta)
        address = client_address(meta)
        strangers.admit(address)
        try:
            refuse_our_own(meta)
            speaker = _Listener(meta, route["kind"], route.get("token", "")).listen(body)
            strangers.believed(address)
            return None, speaker
        except Untrusted as untrusted:
            beginning = drain(body)
            note_untrusted(
                request,
                untrusted,
                beginning=beginning,
                size_bytes=body.length or 0,
                is_misrouted=self.is_misrouted,
            )
            raise AuthenticationFailed(str(untrusted)) from None
        except Ambiguous as error:
            note_untrusted(request, Untrusted("ambiguous", str(error.detail)))
            raise
        except (BodyRefused, Circle):
            drain(body)
            raise

    def authenticate_header(self, request: Request) -> str:
        """Return the scheme, which makes the answer 401 instead of 403."""
        return 'HMAC realm="rollcall"'


class MisroutedAuthentication(WebhookAuthentication):
    """Authentication on a path that is not for webhooks of this kind."""

    is_misrouted = True


def signed_of(credentials: Credentials, body: Body) -> Signed | None:
    if not credentials.signatures:
        return None
    return Signed.of(credentials.signed, body.digest, credentials.off_seconds)


def note_untrusted(
    request: Request,
    untrusted: Untrusted,
    *,
    beginning: bytes = b"",
    size_bytes: int = 0,
    is_misrouted: bool = False,
) -> None:
    meta = request._request.META
    strangers.refused(client_address(meta))
    note_refusal(
        Refusal(
            at=timezone.now().timestamp(),
            source=client_address(meta),
            path=printable(request._request.path, limit=200),
            code=untrusted.code,
            why=str(untrusted),
            size_bytes=size_bytes,
            excerpt=outline(beginning, size_bytes=size_bytes) if beginning else "",
            instance_url=str(meta.get("HTTP_X_INSTANCE_URL", ""))[:500],
            kind=str((request.parser_context or {}).get("kwargs", {}).get("kind", "")),
            skew_seconds=untrusted.skew_seconds,
            is_misrouted=is_misrouted,
        )
    )


class _Listener:
    """One request to the route of one kind. `listen` raises Untrusted, BodyRefused, Ambiguous."""

    def __init__(self, meta: dict[str, Any], kind: str, path_token: str) -> None:
        self.kind = kind
        self.profile: Profile = KINDS[kind].profile
        self.meta = with_our_names(meta, self.profile)
        self.relay: Onward | None = None
        self.owners = doors_with_path(kind, path_token) if path_token else ()
        self.now_seconds = timezone.now().timestamp()
        self.credentials = self._read(self.meta)

    def listen(self, coming: Incoming) -> Speaker:
        """Close the relay if authentication fails; on success the Speaker owns it."""
        try:
            return self._listen(coming)
        except BaseException:
            if self.relay is not None:
                self.relay.end()
            raise

    def _listen(self, coming: Incoming) -> Speaker:
        if self.credentials.signatures:
            signer = Signer(
                credentials=self.credentials,
                session_field=self.profile.session_field,
                ring=self._ring,
            )
            with _slot() as take:
                doors, body = signer.listen(
                    coming,
                    take=lambda likely, first: self._take(take, likely, first, coming.length),
                )
            return self._speaker(doors, body, is_signed=True)
        doors = self._doors()
        release_connection()
        with _slot() as take:
            body = read_body(
                coming,
                large=lambda first: Watchers(onward=self._take(take, doors, first, coming.length)),
            )
        return self._speaker(doors, body, is_signed=bool(self.credentials.token))

    def _take(
        self,
        take: Callable[[], None],
        likely: Iterable[Door],
        first: bytes,
        length: int | None,
    ) -> Hasher | None:
        """Reserve a place for a large body, and begin to hand it on where that may be done before
        its end."""
        refuse_compressed(self.meta)
        take()
        doors = {door.gateway_id: door for door in likely}.values()
        if any(door.forward_url for door in doors):
            url = self._likely_url(doors, first)
            release_connection()
            self.relay = self._begun(url, doors, length) or self._held_back()
        return self.relay

    def _begun(self, url: str, doors: Collection[Door], length: int | None) -> Relay | None:
        """Open the relay; None where it is not clear where to, who sends it may be a stranger, or
        too many are under way."""
        there = [door.base_url for door in doors if door.forward_url == url]
        is_believed = not self.credentials.signatures
        if not url or not (is_believed or comes_from(client_address(self.meta), there)):
            return None
        try:
            return Relay(Backend(url), headers=self._headers_to_hand_on(), length=length)
        except BodyRefused:
            return None

    def _held_back(self) -> HeldBack:
        return HeldBack(
            headers=self._headers_to_hand_on(), sender=sender_of(client_address(self.meta))
        )

    def _likely_url(self, doors: Collection[Door], first: bytes) -> str:
        """Guess the backend early. If candidates disagree, the session's owner beats the
        unsigned X-Instance-Url.

        No messages may begin to arrive at another gateway's backend. "" if there is none or it
        is ambiguous.
        """
        holding_ids = holders(session_id_in(first, self.profile.session_field))
        holding = [door for door in doors if door.gateway_id in holding_ids]
        named = [door for door in doors if door.base_url == self.credentials.instance_url]
        both = [door for door in holding if door in named]
        for group in (doors, both, holding, named):
            urls = {door.forward_url for door in group}
            if len(urls) == 1:
                return urls.pop()
        return ""

    def _headers_to_hand_on(self) -> dict[str, str]:
        sent = {name: _header(self.meta, name) for name in headers_to_hand_on(self.profile)}
        return {name: value for name, value in sent.items() if value} | {"Via": via(self.meta)}

    def _read(self, meta: Mapping[str, object]) -> Credentials:
        """Return the credentials of the headers.

        They are ignored if the path names the sender and no secret exists to check a signature.
        """
        profile = self.profile
        if self.owners and not self._ring().by_secret:
            profile = Profile(
                cure=profile.cure,
                session_field=profile.session_field,
                id_header=profile.id_header,
                address_header=profile.address_header,
            )
        return read_credentials(
            meta, profile, now_seconds=self.now_seconds, path_is_enough=bool(self.owners)
        )

    def _ring(self, at_most_seconds: float = LIVES_SECONDS) -> Keyring:
        """Return the secrets that may sign: those of the path's owners, if it has any."""
        ring = keyring(self.kind, at_most_seconds=at_most_seconds)
        return ring.of(self.owners) if self.owners else ring

    def _doors(self) -> tuple[Door, ...]:
        """Return the gateways that match without a look at the body."""
        if self.credentials.token:
            return self._doors_with_token()
        if self.owners:
            return without_signature(self.owners)
        doors = doors_with_key(self.kind, self.credentials.key)
        if not doors:
            raise unknown_key([self.kind], self.credentials.key, self.credentials.key_header)
        return without_signature(doors)

    def _doors_with_token(self) -> tuple[Door, ...]:
        """Find the gateways of the token; retry once with fresh secrets if none matches."""
        try:
            return self._doors_in(self._ring())
        except Untrusted as untrusted:
            if untrusted.code != "wrong_token":
                raise
        return self._doors_in(self._ring(DOUBTED_AFTER_SECONDS))

    def _doors_in(self, ring: Keyring) -> tuple[Door, ...]:
        assert self.profile.token is not None  # where none is meant, none is read
        token, now_seconds = self.credentials.token, self.now_seconds
        found = secret_of(token, ring.by_secret, meant=self.profile.token, now_seconds=now_seconds)
        return ring.by_secret[found]

    def _speaker(self, doors: tuple[Door, ...], body: Body, *, is_signed: bool) -> Speaker:
        session_id = ""
        if len(doors) > 1:
            session_id = session_id_in(body.content, self.profile.session_field)
        door = choose(doors, self.credentials.instance_url, session_id)
        return Speaker(
            gateway_id=door.gateway_id,
            body=body,
            is_signed=is_signed,
            has_signed=door.has_signed,
            signed=signed_of(self.credentials, body),
            event_id=self.credentials.event_id,
            handed=self._handed(door),
        )

    def _handed(self, door: Door) -> HandedOn | None:
        """Return the forwarding target. Break off a body that is on its way to another gateway's
        backend."""
        if self.relay is not None and not self.relay.leads_to(door.forward_url):
            self.relay.end()
            self.relay = None
        if not door.forward_url:
            return None
        return HandedOn(url=door.forward_url, headers=self._headers_to_hand_on(), relay=self.relay)


def _header(meta: Mapping[str, Any], name: str) -> str:
    variable = name.upper().replace("-", "_")
    plain = variable in ("CONTENT_TYPE", "CONTENT_LENGTH")
    return str(meta.get(variable if plain else f"HTTP_{variable}", ""))


@contextmanager
def _slot() -> Iterator[Any]:
    """Yield `take`, to be called for a large body. Its slot is released at the end."""
    taken: list[bool] = []

    def take() -> None:
        if not LARGE_BODIES.acquire(blocking=False):
            raise BodyRefused(
                429, "too many large bodies at once: send it again in a moment", retry_after=1
            )
        taken.append(True)

    try:
        yield take
    finally:
        if taken:
            LARGE_BODIES.release()
