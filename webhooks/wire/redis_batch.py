"""Small things in great numbers: noted in a Redis hash, taken away whole now and then and written
in bulk. Redis that is away costs what would have been noted, never the request."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import RedisError

from accounts.store.redis_client import client

logger = logging.getLogger(__name__)
# Longer than a flush; it ends by itself when the one who holds it has died.
LOCK_SECONDS = 60
# What cannot be written for so long is given up, so that it does not stand in the way of the rest.
FLUSHED_WITHIN_SECONDS = 600


@contextmanager
def taken(key: str) -> Iterator[dict[str, str]]:
    """The hash at `key`, taken away; empty when nothing was noted, when another flush is at it, or
    when Redis does not answer.

    It is deleted once the block has ended well: what a flush that died left behind is taken first
    by the next one, so that things may be written twice, but are not lost.
    """
    lock, flushing = f"{key}:lock", f"{key}:flushing"
    noted = _take(key, lock, flushing)
    try:
        yield noted
        _delete(flushing if noted else "")
    finally:
        _delete(lock if noted else "")


def _take(key: str, lock: str, flushing: str) -> dict[str, str]:
    try:
        if not client().set(lock, "held", nx=True, ex=LOCK_SECONDS):
            return {}
        if not client().exists(flushing) and client().exists(key):
            client().rename(key, flushing)
            client().expire(flushing, FLUSHED_WITHIN_SECONDS)
        noted = dict(client().hgetall(flushing))
        if not noted:
            client().delete(lock)
    except RedisError as error:
        logger.warning("%s was not flushed: %s", key, type(error).__name__)
        return {}
    return {str(name): str(value) for name, value in noted.items()}


def _delete(key: str) -> None:
    """A Redis that went away just now: what was written will be written again."""
    try:
        if key:
            client().delete(key)
    except RedisError as error:
        logger.warning("%s was not deleted: %s", key, type(error).__name__)
