"""All active secrets of all gateways, opened, in this process's memory. A version in the database
says when they have changed."""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.db import DatabaseError, connection, transaction

from accounts.models import Gateway, GatewaySecret
from accounts.store import clock
from accounts.store.database import release_connection, short_waits
from accounts.store.encryption import CannotOpen
from gateways.profiles import as_text
from gateways.registry import KINDS

logger = logging.getLogger(__name__)
LOOKED_AT_EVERY_SECONDS = 0.5
# So long it is believed unseen, where nobody looks in the background.
LIVES_SECONDS = 5.0
# Who is refused with a ring older than this is tried once more with a fresh one: a gateway that
# was registered a moment ago must not be turned away.
DOUBTED_AFTER_SECONDS = 0.5
# So long after its end a secret is still called by its name.
KNOWN_FOR = timedelta(days=30)

# Presented keys are looked up by a digest under a key that only this process knows, so that the
# time it takes says nothing of the keys that exist.
_process_key = secrets.token_bytes(32)


@dataclass(frozen=True, slots=True)
class Door:
    """A gateway as far as authentication needs it."""

    gateway_id: int
    base_url: str
    require_signature: bool = False
    forward_url: str = ""
    signs_since: datetime | None = None
    accepts_unsigned: bool = False

    @property
    def must_sign(self) -> bool:
        return self.require_signature or (self.has_signed and not self.accepts_unsigned)

    @property
    def has_signed(self) -> bool:
        return self.signs_since is not None


Doors = dict[bytes, tuple[Door, ...]]


@dataclass(frozen=True, slots=True)
class Keyring:
    """The doors of one kind of gateway, by signing secret, and by a digest of their API key and of
    their path. Several may share one. `ended` only says what is wrong with who still uses it."""

    loaded_at: float
    by_secret: Doors = field(default_factory=dict)
    by_key: Doors = field(default_factory=dict)
    by_path: Doors = field(default_factory=dict)
    # The signing secrets of a gateway, and the gateways that have one by their address.
    by_gateway: dict[int, tuple[bytes, ...]] = field(default_factory=dict)
    by_address: dict[str, tuple[int, ...]] = field(default_factory=dict)
    ended: Doors = field(default_factory=dict)  # signing secrets and keys that open nothing more

    def with_key(self, key: str) -> tuple[Door, ...]:
        return self.by_key.get(_digest(key), ())

    def is_ended_key(self, key: str) -> bool:
        return _digest(key) in self.ended

    def with_path(self, token: str) -> tuple[Door, ...]:
        return self.by_path.get(_digest(token), ())

    def secrets_of(self, gateway_ids: Iterable[int]) -> list[bytes]:
        found = dict.fromkeys(
            secret for pk in gateway_ids for secret in self.by_gateway.get(pk, ())
        )
        return [secret for secret in found if secret in self.by_secret]

    def gateways_at(self, base_url: str) -> set[int]:
        """Return the gateways registered with exactly this address."""
        return set(self.by_address.get(base_url.rstrip("/"), ()))

    def of(self, owners: Iterable[Door]) -> Keyring:
        """Return the signing secrets of these doors only."""
        ids = {door.gateway_id for door in owners}
        own = {
            secret: tuple(door for door in self.by_secret[secret] if door.gateway_id in ids)
            for secret in self.secrets_of(sorted(ids))
        }
        return replace(self, by_secret=own)


def _digest(key: str) -> bytes:
    return hmac.digest(_process_key, key.encode("utf-8", "surrogatepass"), hashlib.sha256)


@dataclass(frozen=True, slots=True)
class _Rings:
    """Those of all kinds, as they were at `version` of the secrets. `looked_at`: when that was last
    seen to be the newest one; `ends_at`: when the next secret ends, by the database's clock."""

    by_kind: Mapping[str, Keyring]
    opened: Mapping[str, str]
    version: int | None
    looked_at: float
    loaded_by: datetime
    ends_at: datetime | None

    def is_older_than(self, seconds: float) -> bool:
        return time.monotonic() - self.looked_at > seconds

    def holds_at(self, now: datetime) -> bool:
        """No secret has ended since; and the clock was not set back to when one had not."""
        return self.loaded_by <= now and (self.ends_at is None or now < self.ends_at)


_lock = threading.Lock()
_rings: _Rings | None = None


def keyring(kind: str, *, at_most_seconds: float = LIVES_SECONDS) -> Keyring:
    """The ring of this kind, as it was not longer ago than that. Raises django.db errors."""
    rings = _rings
    if rings is None or rings.is_older_than(at_most_seconds):
        rings = _look_again(at_most_seconds)
    return rings.by_kind.get(kind) or Keyring(rings.looked_at)


def base_urls() -> set[str]:
    """The addresses of all gateways that have a secret. Raises django.db errors."""
    rings = _rings or _look_again(LIVES_SECONDS)
    found = (
        door.base_url
        for ring in rings.by_kind.values()
        for doors in (ring.by_secret, ring.by_key, ring.by_path)
        for several in doors.values()
        for door in several
    )
    return set(found)


def learn_signing(gateway_id: int) -> None:
    """Record a gateway's first signature: from now on unsigned is refused (Door.must_sign)."""
    Gateway.objects.filter(pk=gateway_id, signs_since__isnull=True).update(
        signs_since=clock.database_now()
    )
    forget()


def forget() -> None:
    """Called once a change of this process is committed."""
    global _rings
    with _lock:
        _rings = None


def keep_fresh() -> None:
    """Look again twice a second from now on, so that no request has to."""
    threading.Thread(target=_go_on_looking, name="keyring", daemon=True).start()


def _go_on_looking() -> None:
    is_well = True
    while True:
        try:
            # Give way to a migration or a TRUNCATE before PostgreSQL calls it a deadlock (1 s).
            with transaction.atomic(), short_waits(to_the_end=True, milliseconds=400):
                _look_again(0)
            is_well = True
        except DatabaseError as error:
            if is_well:
                logger.warning("secrets were not looked at: %s", type(error).__name__)
            is_well = False
        finally:
            release_connection()
        time.sleep(LOOKED_AT_EVERY_SECONDS)


def _look_again(at_most_seconds: float) -> _Rings:
    """Read the keys again. Meanwhile other threads use the known ones, unless these are too old."""
    global _rings
    with _lock:
        if _rings is not None and not _rings.is_older_than(at_most_seconds):
            return _rings
        looked_at, now = time.monotonic(), clock.database_now()
        version = _newest_version()
        if _rings is not None and _rings.version == version and _rings.holds_at(now):
            _rings = replace(_rings, looked_at=looked_at)
        else:
            opened = _rings.opened if _rings is not None else {}
            _rings = _load(opened, version=version, looked_at=looked_at, now=now)
        return _rings


def _newest_version() -> int | None:
    """Return the newest version. It changes with each secret and each gateway field of a door: the
    migration that made its table has the triggers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT version FROM accounts_keyring")
        row = cursor.fetchone()
    return row[0] if row else None


def _load(
    opened_before: Mapping[str, str], *, version: int | None, looked_at: float, now: datetime
) -> _Rings:
    rings: dict[str, Keyring] = {}
    opened: dict[str, str] = {}
    ends: list[datetime] = []
    for row in GatewaySecret.objects.select_related("gateway").order_by("gateway_id", "id"):
        is_active = row.is_active(now)
        if not is_active and row.not_after is not None and row.not_after < now - KNOWN_FOR:
            continue
        try:
            secret = opened_before.get(row.sealed) or row.secret
        except CannotOpen as error:
            logger.error("gateway %s: %s", row.gateway, error)
            continue
        opened[row.sealed] = secret
        if is_active and row.not_after is not None:
            ends.append(row.not_after)
        ring = rings.setdefault(row.gateway.kind, Keyring(looked_at))
        _hang(ring, row, secret, is_active=is_active)
    return _Rings(rings, opened, version, looked_at, now, min(ends, default=None))


def _hang(ring: Keyring, row: GatewaySecret, secret: str, *, is_active: bool) -> None:
    gateway = row.gateway
    door = Door(
        row.gateway_id,
        gateway.base_url.rstrip("/"),
        gateway.require_signature,
        gateway.forward_url,
        gateway.signs_since,
        gateway.accepts_unsigned,
    )
    if row.purpose == GatewaySecret.Purpose.HMAC:
        doors, name = ring.by_secret, _signing(gateway.kind)(secret)
    elif row.purpose == GatewaySecret.Purpose.API_KEY:
        doors, name = ring.by_key, _digest(secret)
    else:
        doors, name = ring.by_path, _digest(secret)
    doors = doors if is_active else ring.ended
    if door not in doors.get(name, ()):
        doors[name] = (*doors.get(name, ()), door)
        if doors is ring.by_secret:
            ring.by_gateway[door.gateway_id] = (*ring.by_gateway.get(door.gateway_id, ()), name)
            at = ring.by_address.get(door.base_url, ())
            ring.by_address[door.base_url] = tuple(dict.fromkeys((*at, door.gateway_id)))


def _signing(kind: str) -> Callable[[str], bytes]:
    """Return the function by which a kind turns a secret's text into bytes."""
    signature = KINDS[kind].profile.signature if kind in KINDS else None
    return signature.secret if signature else as_text
