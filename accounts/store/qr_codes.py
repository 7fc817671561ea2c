"""QR codes, which give access to somebody's WhatsApp: kept only in Redis, under the account, for at
most 60 s."""

from __future__ import annotations

import logging

from redis.exceptions import RedisError

from accounts.store.redis_client import client

logger = logging.getLogger(__name__)

LONGEST_SECONDS = 60


def _key(account_id: int) -> str:
    return f"rollcall:qr:{account_id}"


def keep_qr(account_id: int, qr_code: str, *, seconds: int) -> None:
    """Keep the code for those who may scan it. Without Redis it is lost; the gateway sends a fresh
    one."""
    try:
        client().set(_key(account_id), qr_code, ex=max(1, min(seconds, LONGEST_SECONDS)))
    except RedisError as error:
        logger.warning("the QR code of account %s was not kept: %s", account_id, error)


def read_qr(account_id: int) -> str | None:
    try:
        value = client().get(_key(account_id))
    except RedisError:
        return None
    return value if isinstance(value, str) else None


def forget_qr(account_id: int) -> None:
    """Delete a code that was scanned or is void."""
    try:
        client().delete(_key(account_id))
    except RedisError as error:
        logger.warning("the QR code of account %s was not deleted: %s", account_id, error)
