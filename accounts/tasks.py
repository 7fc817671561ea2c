from __future__ import annotations

import threading

from celery import shared_task
from django.conf import settings

from accounts.alerts import channels, outbox
from accounts.incidents import incidents
from accounts.models import Repair
from accounts.repair import queue as repair_queue
from accounts.repair import starts, targeted_read
from accounts.state import expiry
from accounts.store import enqueue

# Share of the worker's threads: a start takes up to a minute, and roll calls, sweeps and confirming
# reads must still run.
STARTS_AT_ONCE = settings.THREADS * 3 // 16
LOOKS_AT_ONCE = settings.THREADS // 16
# A browser that is up has not read its login yet; this is sooner than the sweeper's next round.
LOOK_AGAIN_SECONDS = 1.5
_starting = threading.BoundedSemaphore(STARTS_AT_ONCE)
_expiring = threading.BoundedSemaphore(1)
_looking = threading.BoundedSemaphore(LOOKS_AT_ONCE)


@shared_task
def confirm_session(gateway_id: int, session_id: str) -> None:
    targeted_read.confirm(gateway_id, session_id)


@shared_task
def enqueue_each(task: str, calls: str) -> None:
    enqueue.enqueue_each(task, calls)


@shared_task
def read_claims_again() -> None:
    targeted_read.request_lost_reads()


@shared_task
def expire_live_words() -> None:
    """Run one sweep at a time: a second one would wait for the rows of the first."""
    if _expiring.acquire(blocking=False):
        try:
            expiry.expire_live_words()
        finally:
            _expiring.release()


@shared_task
def tell_channel(channel_id: int) -> None:
    outbox.tell_channel(channel_id)


@shared_task
def sweep_notifications() -> None:
    outbox.sweep_notifications()


@shared_task
def try_channel(channel_id: int) -> None:
    channels.try_channel(channel_id)


@shared_task
def carry_out_repairs(gateway_id: int) -> None:
    """Carry out one start. Without a free slot nothing is lost: the sweeper runs it again."""
    if _starting.acquire(blocking=False):
        try:
            repair = starts.carry_out_due(gateway_id)
            if repair is not None and repair.state == Repair.State.UNCLEAR:
                enqueue.enqueue_task_in(
                    LOOK_AGAIN_SECONDS, "accounts.tasks.look_at_repair", repair.pk
                )
        finally:
            _starting.release()


@shared_task
def look_at_repair(repair_id: int) -> None:
    if _looking.acquire(blocking=False):
        try:
            starts.look(repair_id)
        finally:
            _looking.release()


@shared_task
def sweep_repairs() -> None:
    starts.sweep()


@shared_task
def prune_incidents() -> None:
    incidents.prune()


@shared_task
def prune_repairs() -> None:
    repair_queue.prune()
