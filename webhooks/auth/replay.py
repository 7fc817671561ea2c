"""Webhooks that were recorded on their way and are sent again. What is signed, time and body, is
remembered for as long as it would be believed.

State events: in PostgreSQL with their delivery (webhooks.inbox.duplicates), so that a crash forgets
neither or both. Messages, which cost no row: here, in Redis.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import RedisError

from accounts.store.redis_client import client
from webhooks.auth.clock_skew import TOLERANCE_SECONDS
from webhooks.auth.credentials import Signed
from webhooks.wire.errors import Unsendable

# A signed time may be ahead by the tolerance, and is believed until it is as much behind.
REMEMBERED_SECONDS = 2 * TOLERANCE_SECONDS
# Longer than a backend may take; it ends by itself where the process has died meanwhile.
UNDER_WAY_SECONDS = 30
# While nothing can be remembered.
WITHOUT_MEMORY_SECONDS = 30
_PENDING, _DONE = "1", "2"


@contextmanager
def once(gateway_id: int, signed: Signed) -> Iterator[bool]:
    """Yield whether this signature is new. It is remembered once the block has ended well, so that
    what failed may be sent again. Raises Unsendable where that is not to be known just now."""
    key = f"rollcall:signed:{gateway_id}:{signed.digest}"
    try:
        is_first = bool(client().set(key, _PENDING, nx=True, ex=UNDER_WAY_SECONDS))
        known = "" if is_first else str(client().get(key) or _PENDING)
    except RedisError:
        _require_fresh(signed)
        yield True
        return
    if known == _PENDING:
        raise Unsendable("the same webhook is being handled at this moment")
    if known:
        yield False
        return
    try:
        yield True
    except BaseException:
        _remember(key, seconds=0)
        raise
    _remember(key, seconds=REMEMBERED_SECONDS)


def _remember(key: str, *, seconds: int) -> None:
    """A Redis that went away just now: the mark of what is under way ends by itself."""
    try:
        if seconds:
            client().set(key, _DONE, ex=seconds)
        else:
            client().delete(key)
    except RedisError:
        return


def _require_fresh(signed: Signed) -> None:
    if signed.off_seconds is None or abs(signed.off_seconds) > WITHOUT_MEMORY_SECONDS:
        raise Unsendable(
            "Redis is away, so that a repetition cannot be told: until it is back only messages "
            f"signed within the last {WITHOUT_MEMORY_SECONDS} s are handed on"
        )
