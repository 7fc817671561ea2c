"""The doorbell: Celery is told after the commit that there is work. Losing it loses time only,
because every queue has a sweeper and every row is read by the roll call."""

from __future__ import annotations

import logging

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)


def ring(task: str, *args: int | str) -> None:
    """Run `task` (its registered name) in a worker, once what is being written is committed.

    Never raises when Redis is gone."""
    transaction.on_commit(lambda: _send(task, args), robust=True)


def _send(task: str, args: tuple[int | str, ...]) -> None:
    try:
        current_app.tasks[task].apply_async(args=args, expires=60)
    except (OperationalError, RedisError, OSError) as error:
        logger.warning("%s was not rung (%s): its sweeper will catch up", task, error)
