"""The doorbell: Celery is told after the commit that there is work. Losing it loses time only,
because every queue has a sweeper and every row is read by the roll call."""

from __future__ import annotations

import logging

from django.db import transaction
from django.utils.module_loading import import_string
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)


def ring(task: str, *args: int | str) -> None:
    """Run `task` in a worker, once what is being written is committed.

    It is named ("accounts.tasks.confirm_session") rather than passed, because what rings stands
    below the tasks. Never raises when Redis is gone."""
    transaction.on_commit(lambda: _send(task, args), robust=True)


def ring_in(seconds: float, task: str, *args: int | str) -> None:
    """So many seconds from now, and not much later: its sweeper is sooner then. Never raises when
    Redis is gone."""
    _send(task, args, countdown=seconds, expires=seconds + 5)


def _send(task: str, args: tuple[int | str, ...], **when: float) -> None:
    try:
        import_string(task).apply_async(args=args, **{"expires": 60} | when)
    except (OperationalError, RedisError, OSError) as error:
        logger.warning("%s was not rung (%s): its sweeper will catch up", task, error)
