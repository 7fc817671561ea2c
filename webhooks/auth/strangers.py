"""How often one address may be refused before it is asked to wait, unread.

Only refusals count. Many gateways may share an address, and a proxy that is not listed as trusted
has that of all of them: where a gateway is registered, or one was believed lately, nobody waits.
"""

from __future__ import annotations

import ipaddress
import logging
import threading
import time
from collections.abc import Callable

from accounts.store.database import release_connection
from webhooks.auth.keyring import base_urls
from webhooks.route_monitor.source_address import comes_from
from webhooks.wire.bodies import BodyRefused
from webhooks.wire.client_address import sender_of
from webhooks.wire.token_bucket import Bucket

logger = logging.getLogger(__name__)
# Of one address and in one process: twice this at once, then this a second.
REFUSALS_PER_SECOND = 20.0
BELIEVED_FOR_SECONDS = 3600.0
SAID_EVERY_SECONDS = 60.0
MOST_REMEMBERED = 10_000
TOO_MANY_REFUSED = (
    "too many calls from this address were not believed: wait, and check the secret or the key"
)


class Strangers:
    """The strangers of one process, by their address. `clock` in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[str, Bucket] = {}
        self._believed_at: dict[str, float] = {}
        self._said_at = float("-inf")

    def admit(self, address: str) -> None:
        """Raise BodyRefused (429) if it was refused too often. Raise django.db errors."""
        sender = sender_of(address)
        if sender not in self._buckets or self._has_some_left(sender):
            return
        if self._is_known(sender) or _is_a_gateway_s(address):
            return
        self._say()
        raise BodyRefused(429, TOO_MANY_REFUSED, retry_after=1)

    def refused(self, address: str) -> None:
        now, sender = self._clock(), sender_of(address)
        with self._lock:
            if len(self._buckets) >= MOST_REMEMBERED:
                self._buckets.clear()
            full = Bucket(2 * REFUSALS_PER_SECOND, now)
            self._buckets.setdefault(sender, full).take(now, rate=REFUSALS_PER_SECOND)

    def believed(self, address: str) -> None:
        sender = sender_of(address)
        if len(self._believed_at) >= MOST_REMEMBERED and sender not in self._believed_at:
            self._believed_at.clear()
        self._believed_at[sender] = self._clock()

    def forget(self) -> None:
        with self._lock:
            self._buckets.clear()
            self._believed_at.clear()

    def _has_some_left(self, sender: str) -> bool:
        with self._lock:
            bucket = self._buckets.get(sender)
            return bucket is None or bucket.has_one(self._clock(), rate=REFUSALS_PER_SECOND)

    def _is_known(self, sender: str) -> bool:
        at = self._believed_at.get(sender)
        return at is not None and self._clock() - at < BELIEVED_FOR_SECONDS

    def _say(self) -> None:
        """One line, however many they are."""
        if self._clock() - self._said_at >= SAID_EVERY_SECONDS:
            self._said_at = self._clock()
            logger.warning("an address was refused too often: it is asked to wait")


def _is_a_gateway_s(address: str) -> bool:
    """Return whether it is this machine's, or a gateway is registered there."""
    if ipaddress.ip_address(address).is_loopback:
        return True
    registered = base_urls()
    release_connection()
    return comes_from(address, registered)


strangers = Strangers()
