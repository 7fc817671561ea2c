"""Messages and acknowledgements: collected for a moment, coalesced in Redis, flushed in bulk.

A loss of Redis costs at most the last ten seconds of proof, that of a process the last quarter of
one; never a state.
"""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.utils import timezone
from redis.exceptions import RedisError

from accounts.state.activity import SignOfLife, record_life
from accounts.store.redis_client import client
from gateways.base import Event
from gateways.registry import KINDS
from webhooks.wire.redis_batch import taken
from webhooks.wire.web_process import Collected

logger = logging.getLogger(__name__)
_KEYS = {True: "rollcall:life:proof", False: "rollcall:life:activity"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sign:
    key: str
    session: tuple[int, str]
    at: float
    name: str


def note_life(gateway_id: int, kind: str, event: Event) -> None:
    """Note activity with the event's own time, if the gateway sends it.

    Proof that arrives late, after a retry or from a gateway's queue, is as old as the message.
    No database write; if Redis is away the proof is lost, not the request.
    """
    now = timezone.now()
    _signs.add(
        _Sign(
            key=_KEYS[event.name not in KINDS[kind].weak],
            session=(gateway_id, event.session_id or ""),
            at=min(event.occurred_at or now, now).timestamp(),
            name=event.name,
        )
    )


def _send(signs: Sequence[_Sign]) -> None:
    """The newest of each session; one that was late says less than one that came before it."""
    newest: dict[str, dict[str, _Sign]] = defaultdict(dict)
    for sign in signs:
        noted, field = newest[sign.key], json.dumps(sign.session)
        if field not in noted or noted[field].at <= sign.at:
            noted[field] = sign
    try:
        for key, noted in newest.items():
            fields = list(noted)
            before = dict(zip(fields, client().hmget(key, fields), strict=True))
            newer: dict[Any, Any] = {
                field: json.dumps([sign.at, sign.name])
                for field, sign in noted.items()
                if before[field] is None or json.loads(str(before[field]))[0] <= sign.at
            }
            if newer:
                client().hset(key, mapping=newer)
    except RedisError as error:
        logger.warning("signs of life were not noted: %s", type(error).__name__)


_signs = Collected(_send)


def flush_life() -> int:
    """Write the noted activity. Return how many accounts it proved or changed."""
    written = 0
    for is_proof in (False, True):
        with taken(_KEYS[is_proof]) as noted:
            signs = [_sign(field, value, is_proof) for field, value in noted.items()]
            written += record_life(signs)
    return written


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
