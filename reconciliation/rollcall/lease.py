"""Lease for one roll call of a gateway at a time: on its row, taken and renewed by a guarded
UPDATE, so that neither a transaction nor a connection is held while the gateway is asked."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from accounts.models import Gateway
from accounts.models.gateways import SEALED_KEYS_SQL
from accounts.state.maintenance import IS_MAINTAINED_SQL, RESUMED_AT_SQL
from accounts.store import clock
from accounts.store.database import short_waits

PASS_SECONDS = 15.0
# Longer than a roll call: it expires by itself if its holder has died.
LEASE = timedelta(seconds=PASS_SECONDS + 5)
LOOK_AGAIN_SECONDS = 0.2
Got = TypeVar("Got")


class LeaseLost(Exception):
    """Loss of the lease to another roll call: write nothing more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundGateway:
    """Gateway as a roll call finds it at `started`, by the database's clock, with its keys.
    `resumed_at`: when its last maintenance ended."""

    gateway: Gateway
    started: datetime
    maintained: bool
    resumed_at: datetime | None
    sealed_keys: list[str]


_FOUND = f"""gateway.*, {IS_MAINTAINED_SQL} AS maintained, {RESUMED_AT_SQL} AS resumed_at,
    {SEALED_KEYS_SQL} AS sealed_keys"""
_LOOK = f"SELECT {_FOUND} FROM accounts_gateway gateway WHERE gateway.id = %(gateway)s"
_IS_FREE = clock.lease_free_sql("gateway.lease_until")
# A start in the future was recorded before the clock was set back.
_IS_DUE = """(gateway.run_started_at IS NULL OR gateway.run_started_at <= %(recently)s
    OR gateway.run_started_at > %(now)s + %(looked_later)s)"""
# No wait for the disk: a crash of the server loses the lease, but ends the roll call too.
_TAKE = f"""
UPDATE accounts_gateway gateway
   SET lease_token = %(token)s, lease_until = %(now)s + %(lease)s,
       run_started_at = CASE WHEN %(is_scheduled)s THEN %(now)s ELSE run_started_at END
  FROM (SELECT set_config('synchronous_commit', 'off', true)) unhurried
 WHERE gateway.id = %(gateway)s AND {{condition}}
RETURNING {_FOUND}
"""
_END = """
UPDATE accounts_gateway SET lease_until = NULL, lease_token = NULL
 WHERE id = %s AND lease_token = %s
"""


class Lease:
    """Right to write what a roll call has found, and the gateway as it was found."""

    def __init__(self, token: uuid.UUID, found: FoundGateway) -> None:
        self.token = token
        self.found = found
        self._is_over = False

    def renew(self) -> None:
        """Extend the lease before an early write. Raises LeaseLost."""
        if not self._mine().update(lease_until=Now() + LEASE):
            raise LeaseLost

    @contextmanager
    def last_words(self) -> Iterator[None]:
        """Write the final results in one commit, which ends the lease. Without the lease nothing is
        written: raises LeaseLost."""
        with transaction.atomic(), short_waits(to_the_end=True):
            yield
            with connection.cursor() as cursor:
                cursor.execute(_END, [self.found.gateway.pk, self.token])
                if not cursor.rowcount:
                    raise LeaseLost
        self._is_over = True

    def release(self) -> None:
        if not self._is_over:
            self._mine().update(lease_until=None, lease_token=None)

    def _mine(self) -> QuerySet[Gateway]:
        return Gateway.objects.filter(pk=self.found.gateway.pk, lease_token=self.token)


def take_lease(gateway_id: int) -> Lease | None:
    """Take the lease for a requested roll call. None: another is under way."""
    return _take(gateway_id, _IS_FREE)


def take_lease_on_schedule(gateway_id: int) -> Lease | None:
    """Take the lease for the schedule.

    None: a roll call is under way, or the schedule began one just now (two beats are harmless, and
    a tick may come early). A requested roll call in between does not delay the schedule.
    """
    return _take(gateway_id, f"{_IS_FREE} AND {_IS_DUE}", is_scheduled=True)


def _take(gateway_id: int, condition: str, *, is_scheduled: bool = False) -> Lease | None:
    token, now = uuid.uuid4(), clock.database_now()
    values = _moments(gateway_id, now) | {"token": token, "is_scheduled": is_scheduled}
    taken = _found(_TAKE.format(condition=condition), values)
    return Lease(token, taken) if taken else None


def look_at(gateway_id: int) -> FoundGateway:
    """Read the gateway for a plan, which takes no lease because it writes nothing. Raises
    Gateway.DoesNotExist."""
    found = _found(_LOOK, _moments(gateway_id, clock.database_now()))
    if found is None:
        raise Gateway.DoesNotExist
    return found


def is_free(gateway_id: int) -> bool:
    """Return True if no roll call is under way."""
    now = clock.database_now()
    return _found(f"{_LOOK} AND {_IS_FREE}", _moments(gateway_id, now)) is not None


def _found(statement: str, values: dict[str, Any]) -> FoundGateway | None:
    for gateway in Gateway.objects.raw(statement, values):
        besides = vars(gateway)
        return FoundGateway(
            gateway=gateway,
            started=values["now"],
            maintained=besides["maintained"],
            resumed_at=besides["resumed_at"],
            sealed_keys=besides["sealed_keys"],
        )
    return None


def _moments(gateway_id: int, now: datetime) -> dict[str, Any]:
    return {
        "gateway": gateway_id,
        "now": now,
        "lease": LEASE,
        "longest": clock.longest_lease(LEASE),
        "looked_later": clock.LOOKED_LATER,
        "recently": now - timedelta(seconds=settings.ROLL_CALL_EVERY_SECONDS * 0.75),
    }


def wait_for(get: Callable[[], Got], *, limit_seconds: float) -> Got:
    """Return the result of `get` as soon as it is true; at the limit, whatever it is then."""
    ends = time.monotonic() + limit_seconds
    while not (got := get()) and time.monotonic() < ends:
        time.sleep(LOOK_AGAIN_SECONDS)
    return got
