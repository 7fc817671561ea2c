"""One roll call of a gateway at a time: a lease on its row, taken and renewed by guarded UPDATE,
so that neither a transaction nor a connection is held while the gateway is asked."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from django.conf import settings
from django.db import connection
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from accounts import clock
from accounts.models import Gateway

PASS_SECONDS = 15.0
# Longer than a pass: it ends by itself when the one who holds it has died.
LEASE = timedelta(seconds=PASS_SECONDS + 5)
LOOK_AGAIN_SECONDS = 0.2
Got = TypeVar("Got")


class LeaseLost(Exception):
    """Another pass has taken over: write nothing more."""


class Lease:
    """The right to write what a pass has found."""

    def __init__(self, gateway_id: int, token: uuid.UUID) -> None:
        self.gateway_id = gateway_id
        self.token = token

    def renew(self) -> None:
        """Before each write. Raises LeaseLost."""
        if not self._mine().update(lease_until=Now() + LEASE):
            raise LeaseLost

    def release(self) -> None:
        self._mine().update(lease_until=None, lease_token=None)

    def _mine(self) -> QuerySet[Gateway]:
        return Gateway.objects.filter(pk=self.gateway_id, lease_token=self.token)


def take_lease(gateway_id: int) -> Lease | None:
    """For a pass that somebody asked for. None: another is under way."""
    now = clock.database_now()
    return _take(_free(gateway_id, now), gateway_id, now)


def take_lease_on_schedule(gateway_id: int) -> Lease | None:
    """None: a pass is under way, or the schedule began one just now (two beats are harmless, and a
    tick may come a little early). What somebody asked for between does not delay the schedule."""
    now = clock.database_now()
    recently = now - timedelta(seconds=settings.ROLL_CALL_EVERY_SECONDS * 0.75)
    # One from the future was begun before the clock was set back.
    begun_elsewhen = Q(run_started_at__lte=recently) | Q(
        run_started_at__gt=now + clock.LOOKED_LATER
    )
    is_due = Q(run_started_at__isnull=True) | begun_elsewhen
    return _take(_free(gateway_id, now).filter(is_due), gateway_id, now, run_started_at=now)


def _take(
    free: QuerySet[Gateway], gateway_id: int, now: datetime, **others: datetime
) -> Lease | None:
    token = uuid.uuid4()
    taken = free.update(lease_token=token, lease_until=now + LEASE, **others)
    return Lease(gateway_id, token) if taken else None


def is_free(gateway_id: int) -> bool:
    """Whether no pass is under way. A plan takes no lease: it writes nothing."""
    return _free(gateway_id, clock.database_now()).exists()


def wait_for(get: Callable[[], Got], *, limit_seconds: float) -> Got:
    """What `get` returns, as soon as it is true; at the limit, whatever it is then."""
    ends = time.monotonic() + limit_seconds
    while not (got := get()) and time.monotonic() < ends:
        time.sleep(LOOK_AGAIN_SECONDS)
    return got


def release_connection() -> None:
    """Nothing of the database is held while a gateway is asked: with a pool a thread would keep
    its connection until its task or request ends."""
    if not connection.in_atomic_block:
        connection.close()


def _free(gateway_id: int, now: datetime) -> QuerySet[Gateway]:
    """One that seems longer than LEASE was taken before the clock was set back."""
    is_over = Q(lease_until__lte=now) | Q(lease_until__gt=now + LEASE + clock.LOOKED_LATER)
    return Gateway.objects.filter(Q(lease_until__isnull=True) | is_over, pk=gateway_id)
