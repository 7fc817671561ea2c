"""Messages and acknowledgements: coalesced in Redis, flushed in bulk.

A loss of Redis costs at most the last ten seconds of proof, never a state.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

from django.utils import timezone
from redis.exceptions import RedisError

from accounts.state.activity import SignOfLife, record_life
from accounts.store.redis_client import client
from gateways.base import Event
from gateways.registry import KINDS
from webhooks.wire.redis_batch import taken

logger = logging.getLogger(__name__)
_KEYS = {True: "rollcall:life:proof", False: "rollcall:life:activity"}


def note_life(gateway_id: int, kind: str, event: Event) -> None:
    """Note activity with the event's own time, if the gateway sends it.

    Proof that arrives late, after a retry or from a gateway's queue, is as old as the message.
    No database write; if Redis is away the proof is lost, not the request.
    """
    field = json.dumps([gateway_id, event.session_id])
    key = _KEYS[event.name not in KINDS[kind].weak]
    now = timezone.now()
    at = min(event.occurred_at or now, now).timestamp()
    try:
        noted = client().hget(key, field)
        # A late message must not overwrite a newer one.
        if noted is None or json.loads(str(noted))[0] <= at:
            client().hset(key, field, json.dumps([at, event.name]))
    except RedisError as error:
        logger.warning("activity was not recorded: %s", type(error).__name__)


def flush_life() -> int:
    """Write the noted activity. Return how many accounts it proved or changed."""
    return sum(_flush(is_proof) for is_proof in (False, True))


def _flush(is_proof: bool) -> int:
    with taken(_KEYS[is_proof]) as noted:
        return record_life([_sign(field, value, is_proof) for field, value in noted.items()])


def _sign(field: str, value: str, is_proof: bool) -> SignOfLife:
    gateway_id, session_id = json.loads(field)
    seen_at, name = json.loads(value)
    return SignOfLife(
        gateway_id=gateway_id,
        session_id=session_id,
        seen_at=datetime.fromtimestamp(seen_at, UTC),
        is_proof=is_proof,
        what=name.replace("_", " "),
    )
