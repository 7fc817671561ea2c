"""One roll call of a gateway at a time: a lease on its row, taken and renewed by guarded UPDATE,
so that neither a transaction nor a connection is held while the gateway is asked."""

from __future__ import annotations

import time
import uuid
from datetime import timedelta

from django.db.models import Q, QuerySet

from accounts import clock
from accounts.models import Gateway

PASS_SECONDS = 15.0
LEASE = timedelta(seconds=PASS_SECONDS + 5)
# Beat's next tick may come a little early; two beats are harmless.
NOT_AGAIN_WITHIN = timedelta(seconds=15)


class LeaseLost(Exception):
    """Another pass has taken over: write nothing more."""


class Lease:
    def __init__(self, gateway_id: int, token: uuid.UUID) -> None:
        self.gateway_id = gateway_id
        self.token = token

    def renew(self) -> None:
        """Raises LeaseLost."""
        until = clock.database_now() + LEASE
        if not self._mine().update(lease_until=until):
            raise LeaseLost

    def release(self) -> None:
        self._mine().update(lease_until=None, lease_token=None)

    def _mine(self) -> QuerySet[Gateway]:
        return Gateway.objects.filter(pk=self.gateway_id, lease_token=self.token)


def take_lease(gateway_id: int, *, unless_recent: bool) -> Lease | None:
    """None: a pass is under way, or (for beat) one began just now."""
    now = clock.database_now()
    token = uuid.uuid4()
    free = Gateway.objects.filter(
        Q(lease_until__isnull=True) | Q(lease_until__lte=now), pk=gateway_id
    )
    if unless_recent:
        free = free.filter(
            Q(run_started_at__isnull=True) | Q(run_started_at__lte=now - NOT_AGAIN_WITHIN)
        )
    taken = free.update(lease_token=token, lease_until=now + LEASE, run_started_at=now)
    return Lease(gateway_id, token) if taken else None


def wait_for_lease(gateway_id: int, *, limit_seconds: float) -> Lease | None:
    """For a pass that an operator asked for: one that is under way is waited for."""
    ends = time.monotonic() + limit_seconds
    while (lease := take_lease(gateway_id, unless_recent=False)) is None:
        if time.monotonic() >= ends:
            return None
        time.sleep(0.2)
    return lease
