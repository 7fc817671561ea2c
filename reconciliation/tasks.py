"""The tasks of roll calls, probes and repair. Each gateway is read at a fixed moment of its own in
the period, so that a fleet is not read all at once."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

from celery import shared_task
from django.conf import settings

from accounts.models import Gateway
from accounts.state.probes import gateways_with_turns
from accounts.store import clock
from reconciliation import twins
from reconciliation.probes import ask
from reconciliation.repair import governor
from reconciliation.repair import stop_unwanted as unwanted
from reconciliation.rollcall import records, roll_call

# The golden ratio spreads consecutive numbers evenly, for any number of gateways.
_SPREAD = 0.618033988749895

# Share of the worker's threads. Roll calls mostly wait for gateways: if a hundred of those hang,
# sweeps and confirming reads must still run.
PASSES_AT_ONCE = settings.THREADS * 3 // 8
PUT_OFF_SECONDS = 1
# Share of the same threads: a round lasts as long as its slowest session.
PROBED_AT_ONCE = settings.THREADS // 4
_probing = threading.BoundedSemaphore(PROBED_AT_ONCE)
_room = threading.BoundedSemaphore(PASSES_AT_ONCE)


@shared_task
def call_every_roll() -> None:
    """Start one task for each gateway whose moment comes before the next tick, or a little later. A
    tick may be late, and a duplicate roll call is skipped."""
    period = settings.ROLL_CALL_EVERY_SECONDS
    horizon_seconds = settings.ROLL_CALL_TICK_SECONDS + 2
    for pk in Gateway.objects.values_list("pk", flat=True):
        wait_seconds = seconds_until_phase(pk, period_seconds=period)
        if wait_seconds < horizon_seconds:
            call_roll.apply_async((pk,), countdown=wait_seconds, expires=wait_seconds + period)


@shared_task
def call_roll(gateway_id: int, times_put_off: int = 0) -> None:
    if not _room.acquire(blocking=False):
        # At most one period: the next tick starts it again.
        if times_put_off * PUT_OFF_SECONDS < settings.ROLL_CALL_EVERY_SECONDS:
            call_roll.apply_async((gateway_id, times_put_off + 1), countdown=PUT_OFF_SECONDS)
        return
    try:
        with suppress(Gateway.DoesNotExist):
            roll_call.call_roll(gateway_id)
    finally:
        _room.release()


@shared_task
def probe_due_sessions() -> None:
    """Start one task for each gateway that has an account with a due probe."""
    for pk in gateways_with_turns(clock.database_now()):
        probe_gateway.apply_async((pk,), expires=settings.PROBE_TICK_SECONDS * 2)


@shared_task
def probe_gateway(gateway_id: int) -> None:
    """Probe a gateway. Without a free slot the next tick starts this task again."""
    if not _probing.acquire(blocking=False):
        return
    try:
        if Gateway.objects.filter(pk=gateway_id).exists():
            ask.probe_gateway(gateway_id)
    finally:
        _probing.release()


@shared_task
def prune_runs() -> None:
    records.prune()


@shared_task
def govern() -> None:
    governor.govern()


@shared_task
def stop_unwanted(account_id: int) -> None:
    unwanted.stop_unwanted(account_id)


@shared_task
def find_twins() -> None:
    twins.find_twins()


def seconds_until_phase(
    gateway_id: int, *, period_seconds: float, now_seconds: float | None = None
) -> float:
    """Return the time until the gateway's next moment. Moments are `period_seconds` apart by the
    wall clock, independent of the ticks of beat."""
    now = time.time() if now_seconds is None else now_seconds
    phase = (gateway_id * _SPREAD % 1.0) * period_seconds
    return (phase - now) % period_seconds
