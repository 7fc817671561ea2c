"""What was refused, counted by reason: numbers in Redis, never rows, since anybody can send it."""

from __future__ import annotations

import logging

from redis.exceptions import RedisError

from accounts.redis_client import client

logger = logging.getLogger(__name__)
_KEY = "rollcall:refused"


def count(code: str) -> None:
    logger.warning("a call was refused: %s", code)
    try:
        client().hincrby(_KEY, code, 1)
    except RedisError:
        logger.warning("the refusal was not counted: Redis does not answer")


def counted() -> dict[str, int]:
    """Refusals by code since Redis was started. Empty when it does not answer."""
    try:
        found = client().hgetall(_KEY)
    except RedisError:
        return {}
    return {str(code): int(number) for code, number in dict(found).items()}
