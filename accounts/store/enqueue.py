"""Start a Celery task after the commit.

A lost message costs time only: every queue has a sweeper, and the roll call reads every row.
"""

from __future__ import annotations

import logging

from django.db import transaction
from django.utils.module_loading import import_string
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)


def enqueue_task(task: str, *args: int | str) -> None:
    """Run `task` in a worker after the transaction commits.

    The task is given by name ("accounts.tasks.confirm_session") because callers stand below the
    task modules. Never raises when Redis is down.
    """
    transaction.on_commit(lambda: _send(task, args), robust=True)


def enqueue_task_in(seconds: float, task: str, *args: int | str) -> None:
    """Run `task` after `seconds`. The message expires 5 s later, when the sweeper takes over. Never
    raises when Redis is down."""
    _send(task, args, countdown=seconds, expires=seconds + 5)


def _send(task: str, args: tuple[int | str, ...], **when: float) -> None:
    try:
        import_string(task).apply_async(args=args, **{"expires": 60} | when)
    except (OperationalError, RedisError, OSError) as error:
        logger.warning("%s was not enqueued (%s): its sweeper will catch up", task, error)
