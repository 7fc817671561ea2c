"""All active secrets of all gateways, opened, in this process's memory for a few seconds."""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from accounts import clock
from accounts.models import GatewaySecret
from accounts.sealing import CannotOpen

logger = logging.getLogger(__name__)
LIVES_SECONDS = 5.0
# Who is refused with a ring older than this is tried once more with a fresh one: a gateway that
# was registered a moment ago must not be turned away.
DOUBTED_AFTER_SECONDS = 0.5

# Presented keys are looked up by a digest under a key that only this process knows, so that the
# time it takes says nothing of the keys that exist.
_process_key = secrets.token_bytes(32)


@dataclass(frozen=True, slots=True)
class Door:
    """A gateway as far as authentication needs it."""

    gateway_id: int
    base_url: str


@dataclass(frozen=True, slots=True)
class Keyring:
    """Doors by signing secret, and by a digest of their API key. Several may share one."""

    by_secret: Mapping[bytes, tuple[Door, ...]]
    by_key: Mapping[bytes, tuple[Door, ...]]
    loaded_at: float

    def with_key(self, key: str) -> tuple[Door, ...]:
        return self.by_key.get(_digest(key), ())

    def secrets_of(self, gateway_ids: Iterable[int]) -> list[bytes]:
        wanted = set(gateway_ids)
        return [
            secret
            for secret, doors in self.by_secret.items()
            if any(door.gateway_id in wanted for door in doors)
        ]

    def gateways_at(self, base_url: str) -> set[int]:
        """Those registered with exactly this address."""
        address = base_url.rstrip("/")
        doors = (door for doors in self.by_secret.values() for door in doors)
        return {door.gateway_id for door in doors if door.base_url == address}

    @property
    def age_seconds(self) -> float:
        return time.monotonic() - self.loaded_at


def _digest(key: str) -> bytes:
    return hmac.digest(_process_key, key.encode("utf-8", "surrogatepass"), hashlib.sha256)


_lock = threading.Lock()
_ring: Keyring | None = None


def keyring(*, at_most_seconds: float = LIVES_SECONDS) -> Keyring:
    """The ring, read anew when it is older than that. Raises django.db errors."""
    global _ring
    with _lock:
        if _ring is None or _ring.age_seconds > at_most_seconds:
            _ring = _load()
        return _ring


def forget() -> None:
    global _ring
    with _lock:
        _ring = None


def _load() -> Keyring:
    by_secret: dict[bytes, tuple[Door, ...]] = {}
    by_key: dict[bytes, tuple[Door, ...]] = {}
    now = clock.database_now()
    for row in GatewaySecret.objects.select_related("gateway").order_by("gateway_id", "id"):
        if not row.is_active(now):
            continue
        try:
            secret = row.secret
        except CannotOpen as error:
            logger.error("gateway %s: %s", row.gateway, error)
            continue
        door = Door(row.gateway_id, row.gateway.base_url.rstrip("/"))
        is_key = row.purpose == GatewaySecret.Purpose.API_KEY
        ring, name = (by_key, _digest(secret)) if is_key else (by_secret, secret.encode())
        if door not in ring.get(name, ()):
            ring[name] = (*ring.get(name, ()), door)
    return Keyring(by_secret=by_secret, by_key=by_key, loaded_at=time.monotonic())
