"""Start a Celery task after the commit.

A lost message costs time only: every queue has a sweeper, and the roll call reads every row.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.db import transaction
from django.utils.module_loading import import_string
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)


Args = tuple[int | str, ...]
_together: ContextVar[dict[str, dict[Args, None]] | None] = ContextVar("together", default=None)


def enqueue_task(task: str, *args: int | str) -> None:
    """Run `task` in a worker after the transaction commits.

    The task is given by name ("accounts.tasks.confirm_session") because callers stand below the
    task modules. Never raises when Redis is down.
    """
    together = _together.get()
    if together is not None:
        together.setdefault(task, {})[args] = None
    else:
        transaction.on_commit(lambda: _send(task, args), robust=True)


@contextmanager
def enqueue_together() -> Iterator[None]:
    """Send one message for all calls of a task within the block, which is a transaction's: a worker
    makes one task of each."""
    token = _together.set({})
    try:
        yield
        enqueued = _together.get() or {}
    finally:
        _together.reset(token)
    for task, calls in enqueued.items():
        if len(calls) == 1:
            enqueue_task(task, *next(iter(calls)))
        else:
            enqueue_task("accounts.tasks.enqueue_each", task, json.dumps(list(calls)))


def enqueue_each(task: str, calls: str) -> None:
    """Send the calls that one message held, from a worker."""
    for args in json.loads(calls):
        _send(task, tuple(args))


def enqueue_task_in(seconds: float, task: str, *args: int | str) -> None:
    """Run `task` after `seconds`. The message expires 5 s later, when the sweeper takes over. Never
    raises when Redis is down."""
    _send(task, args, countdown=seconds, expires=seconds + 5)


def _send(task: str, args: tuple[int | str, ...], **when: float) -> None:
    try:
        import_string(task).apply_async(args=args, **{"expires": 60} | when)
    except (OperationalError, RedisError, OSError) as error:
        logger.warning("%s was not enqueued (%s): its sweeper will catch up", task, error)
