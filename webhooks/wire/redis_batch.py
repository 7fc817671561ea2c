"""Batches of small notes: collected in a Redis hash, taken as a whole now and then and written
in bulk. If Redis is away the notes are lost, never the request."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import RedisError

from accounts.store.redis_client import client

logger = logging.getLogger(__name__)
# Longer than a flush; the lease ends by itself if its holder died.
LOCK_SECONDS = 60
# Notes that cannot be written for this time are dropped, so that they do not block the rest.
FLUSHED_WITHIN_SECONDS = 600


@contextmanager
def taken(key: str) -> Iterator[dict[str, str]]:
    """Take the hash at `key`. Yield it; empty if nothing was noted, if another flush holds it,
    or if Redis does not answer.

    It is deleted once the block has succeeded. The next flush first takes what a dead one left:
    notes may be written twice, but are not lost.
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
    """Delete the batch. If Redis is away now, it will be written again."""
    try:
        if key:
            client().delete(key)
    except RedisError as error:
        logger.warning("%s was not deleted: %s", key, type(error).__name__)
