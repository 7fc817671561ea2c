"""Candidate gateways of a request: by key, by path, by token or signature; if several share one, by
its content.

A signature is checked while the body passes: of a small body any secret is tried, of a large one
only those of the gateways that the request hints at.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from django.db import connection

from accounts.store.database import release_connection
from webhooks.auth.credentials import Credentials
from webhooks.auth.keyring import DOUBTED_AFTER_SECONDS, LIVES_SECONDS, Door, Keyring, keyring
from webhooks.auth.untrusted import Untrusted
from webhooks.wire.bodies import Body, Hasher, Incoming, Watchers, read_body
from webhooks.wire.errors import Ambiguous

_HINT_BYTES = 64 * 1024
# So many gateways may have a session of the same name, and be tried for it.
HOLDERS = 8
# Two look-ups in an index each; with OR it would be one pass over all accounts.
_HOLDERS = """
SELECT gateway_id FROM whatsapp_accounts WHERE session_id = %(session)s
UNION
SELECT account.gateway_id FROM accounts_supersededsession past
  JOIN whatsapp_accounts account ON account.id = past.account_id
 WHERE past.session_id = %(session)s
 LIMIT %(most)s
"""


def doors_with_key(kind: str, key: str) -> tuple[Door, ...]:
    return _found(kind, lambda ring: ring.with_key(key))


def has_door_with_key(kind: str, key: str) -> bool:
    return bool(doors_with_key(kind, key))


def unknown_key(kinds: Iterable[str], key: str, header: str) -> Untrusted:
    """Return the error for a key that matches no gateway of these kinds."""
    if any(keyring(kind).is_ended_key(key) for kind in kinds):
        return Untrusted("ended_secret", f"{header} was a gateway's of ours, but has ended")
    return Untrusted("unknown_key", f"{header} belongs to no gateway of ours")


def doors_with_path(kind: str, token: str) -> tuple[Door, ...]:
    """Return the gateways of the path token. Raise Untrusted if there are none."""
    doors = _found(kind, lambda ring: ring.with_path(token))
    if not doors:
        raise Untrusted(
            "unknown_path",
            f"this path belongs to no gateway of kind {kind}: has its token been replaced?",
        )
    return doors


def _found(kind: str, find: Callable[[Keyring], tuple[Door, ...]]) -> tuple[Door, ...]:
    """Find gateways; retry once with fresh secrets if none is found."""
    return find(keyring(kind)) or find(keyring(kind, at_most_seconds=DOUBTED_AFTER_SECONDS))


def without_signature(doors: tuple[Door, ...]) -> tuple[Door, ...]:
    """Return the doors that a key or a path alone may open. Raises Untrusted if there are none."""
    open_doors = tuple(door for door in doors if not door.must_sign)
    if not open_doors:
        raise _must_sign(doors[0])
    return open_doors


def _must_sign(door: Door) -> Untrusted:
    if door.require_signature or door.signs_since is None:
        why = "this gateway's webhooks are believed with a signature only"
    else:
        why = (
            f"this gateway signs since {door.signs_since:%Y-%m-%d %H:%M} UTC, so that nothing "
            "unsigned is believed any more: set its secret at the gateway, or let its page accept "
            "unsigned ones"
        )
    return Untrusted("signature_required", why)


def choose(doors: tuple[Door, ...], instance_url: str, session_id: str) -> Door:
    """Choose one of several instances of one installation that share a key.

    The X-Instance-Url that they send may choose among them, else the owner of the named session;
    never a gateway outside of them.
    """
    if len(doors) == 1:
        return doors[0]
    named = [door for door in doors if instance_url and door.base_url == instance_url]
    if len(named) == 1:
        return named[0]
    holding_ids = holders(session_id)
    holding = [door for door in doors if door.gateway_id in holding_ids]
    if len(holding) == 1:
        return holding[0]
    raise Ambiguous(
        f"{len(doors)} gateways share this key and neither X-Instance-Url nor the session says "
        "which one speaks: give each its own key, or register the address that it sends"
    )


def session_id_in(content: bytes, field: str) -> str:
    """Return the first session id near the beginning of the body; "" if there is none."""
    pattern = rb'"' + field.encode() + rb'"\s*+:\s*+"([^"\\]{1,255})"'
    found = re.search(pattern, content[:_HINT_BYTES])
    return found.group(1).decode("utf-8", "replace") if found else ""


def holders(session_id: str) -> set[int]:
    """The gateways that hold, or held, a session of this name."""
    if not session_id or not session_id.isprintable():
        return set()
    with connection.cursor() as cursor:
        cursor.execute(_HOLDERS, {"session": session_id, "most": HOLDERS})
        return {gateway_id for (gateway_id,) in cursor.fetchall()}


# --- by signature ---------------------------------------------------------------------------------
# So many secrets are hashed over a body that is too large to keep; the hints must narrow them.
LARGE_BODY_SECRETS = 4
# So many that have ended are tried, to say so.
ENDED_SECRETS = 16
# Up to this size every secret may be tried when no hint fits.
ANY_SECRET_BYTES = 64 * 1024
# Of so many sessions, which secrets fitted lately: a hint, like what a request says of itself.
MOST_REMEMBERED = 20_000
_lately: dict[str, tuple[bytes, ...]] = {}


@dataclass(frozen=True, slots=True)
class Check:
    """One secret's hash over what is signed before the body, and the body."""

    doors: tuple[Door, ...]
    hash: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Who may have signed. `ring` gives the secrets, not older than so many seconds."""

    credentials: Credentials
    session_field: str
    ring: Callable[[float], Keyring]

    def listen(
        self, coming: Incoming, *, take: Callable[[Iterable[Door], bytes], Hasher | None]
    ) -> tuple[tuple[Door, ...], Body]:
        """The doors whose secret fits, and the body. `take` is called where it is a large one, with
        the doors whose secret may fit and how it begins. Raises Untrusted, BodyRefused."""
        ring = self.ring(LIVES_SECONDS)
        checks: list[Check] = []

        def large(first: bytes) -> Watchers:
            checks.extend(self._narrowed(self.ring(DOUBTED_AFTER_SECONDS), first))
            onward = take((door for check in checks for door in check.doors), first)
            release_connection()
            return Watchers([check.hash for check in checks], onward)

        release_connection()
        body = read_body(coming, large=large)
        if not body.is_squeezed:
            checks = self._tried(ring, body.content)
        return self._verified(checks), body

    def _check(self, ring: Keyring, secret: bytes) -> Check:
        digest = hmac.new(secret, self.credentials.signed, self.credentials.algorithm)
        return Check(ring.by_secret[secret], digest)

    def _fits(self, check: Check) -> bool:
        """Compare with every signature, so that the time taken does not tell which one fits."""
        digest = check.hash.digest()
        fitting = [hmac.compare_digest(digest, given) for given in self.credentials.signatures]
        return any(fitting)

    def _verified(self, checks: Sequence[Check]) -> tuple[Door, ...]:
        for check in checks:
            if self._fits(check):
                return check.doors
        raise Untrusted(
            "wrong_signature",
            "the signature fits no active secret: is the gateway's HMAC secret the one that "
            "Rollcall has, and is the raw body signed?",
        )

    def _tried(self, ring: Keyring, content: bytes) -> list[Check]:
        """The check that fits, of those the hints name, else of all; once more where the secrets
        have changed since."""
        if check := self._fitting(ring, content):
            return [check]
        fresh = self.ring(DOUBTED_AFTER_SECONDS)
        if fresh.loaded_at != ring.loaded_at and (check := self._fitting(fresh, content)):
            return [check]
        self._doubt(fresh, content)
        return []

    def _fitting(self, ring: Keyring, content: bytes) -> Check | None:
        for secret in self._candidates(ring, content):
            check = self._check(ring, secret)
            check.hash.update(content)
            if self._fits(check):
                self._remember(secret, content)
                return check
        return None

    def _remember(self, secret: bytes, content: bytes) -> None:
        """The next of this session finds it without asking the database whose it is."""
        session_id = session_id_in(content, self.session_field)
        lately = _lately.get(session_id, ())
        if session_id and secret not in lately:
            if len(_lately) >= MOST_REMEMBERED:
                _lately.clear()
            _lately[session_id] = (secret, *lately)[:HOLDERS]

    def _doubt(self, ring: Keyring, content: bytes) -> None:
        """Raises Untrusted where it was signed with a secret that has ended."""
        if len(content) > ANY_SECRET_BYTES:
            return
        for secret in list(ring.ended)[:ENDED_SECRETS]:
            digest = hmac.new(secret, self.credentials.signed, self.credentials.algorithm)
            digest.update(content)
            if self._fits(Check((), digest)):
                raise Untrusted(
                    "ended_secret", "the signature fits no active secret, but one that has ended"
                )

    def _candidates(self, ring: Keyring, content: bytes) -> Iterable[bytes]:
        """Yield the secrets to try, of a small body every one. Raises Untrusted."""
        if len(content) > ANY_SECRET_BYTES:
            return self._worth_hashing(ring, content)
        likely = self._likely(ring, content)
        return chain(likely, ring.by_secret)

    def _narrowed(self, ring: Keyring, first: bytes) -> list[Check]:
        """Choose the secrets whose hashes are computed while a large body passes. Raises
        Untrusted."""
        likely = self._worth_hashing(ring, first)[:LARGE_BODY_SECRETS]
        return [self._check(ring, secret) for secret in likely]

    def _worth_hashing(self, ring: Keyring, content: bytes) -> list[bytes]:
        """The secrets that may sign a body of some size. Raises Untrusted when nobody's may."""
        if len(ring.by_secret) <= LARGE_BODY_SECRETS:
            return list(ring.by_secret)
        likely = list(self._likely(ring, content))
        if not likely:
            raise Untrusted(
                "unknown_sender",
                "a body of this size needs an X-Instance-Url that is a registered gateway's "
                f"address, a path of its own, or a {self.session_field} that Rollcall knows in "
                "its first 64 kB",
            )
        return likely

    def _likely(self, ring: Keyring, content: bytes) -> Iterator[bytes]:
        """Yield the secrets of gateways that the request hints at; a hint alone opens nothing. Both
        hints count: many instances say "http://localhost:3001", which is at most one gateway's
        address. The database is asked only where neither that nor what fitted lately does."""
        hinted = ring.secrets_of(ring.gateways_at(self.credentials.instance_url))
        yield from hinted
        if len(ring.by_secret) <= LARGE_BODY_SECRETS:
            return
        session_id = session_id_in(content, self.session_field)
        lately = [secret for secret in _lately.get(session_id, ()) if secret in ring.by_secret]
        yield from lately
        holding = ring.secrets_of(holders(session_id))
        yield from (secret for secret in holding if secret not in (*hinted, *lately))
