"""State events on their way to a business's own backend: committed with their delivery, and handed
on from the row until they arrive. Our own state waits for nobody."""

from __future__ import annotations

import base64
import json
import logging
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from redis.exceptions import RedisError

from accounts import clock
from accounts.doorbell import ring
from accounts.models import Gateway, GatewaySecret
from accounts.redis_client import client
from accounts.sealing import CannotOpen, seal, unseal
from gateways import signing
from gateways.backend import Backend
from gateways.base import GatewayError
from gateways.registry import DIALECTS
from gateways.text import printable
from webhooks.models import Delivery, Forward

logger = logging.getLogger(__name__)
DEADLINE_SECONDS = 10.0
GIVE_UP_AFTER = timedelta(hours=24)
LONGEST_PAUSE_SECONDS = 300.0
# Longer than an attempt: it ends by itself when the one who makes it has died.
CLAIMED_FOR = timedelta(seconds=DEADLINE_SECONDS + 20)
# The old signature names a time that the backend may not tolerate any more.
SIGNED_ANEW_AFTER = timedelta(seconds=60)
SWEEP_ROWS = 200
QR_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """What is to be handed on: the body as it came, and the headers that its trust rests on.
    `is_fleeting`: it holds a QR code, which is never in a row and soon worth nothing."""

    body: bytes
    headers: Mapping[str, str]
    is_fleeting: bool = False


def keep_forward(delivery: Delivery, handed: Handed) -> None:
    """With the delivery, in the caller's transaction; it is sent after the commit."""
    sealed = _seal(handed)
    forward = Forward.objects.create(
        delivery=delivery,
        sealed_body="" if handed.is_fleeting else sealed,
        next_attempt_at=delivery.received_at,
    )
    if handed.is_fleeting:
        _keep_fleeting(forward.pk, sealed)
    ring("webhooks.tasks.send_forwards")


def _keep_fleeting(forward_id: int, sealed: str) -> None:
    try:
        client().set(f"rollcall:forward:{forward_id}", sealed, ex=QR_SECONDS)
    except RedisError as error:
        logger.warning("a QR code cannot be handed on: %s", type(error).__name__)


def send_forwards() -> int:
    """Hand on what is due, oldest first; how many were tried."""
    tried = 0
    while tried < SWEEP_ROWS and (forward := _claim()) is not None:
        _send(forward)
        tried += 1
    return tried


def _claim() -> Forward | None:
    with transaction.atomic():
        now = clock.database_now()
        forward = (
            Forward.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("delivery__gateway")
            .filter(next_attempt_at__lte=now)
            .order_by("next_attempt_at")
            .first()
        )
        if forward is not None:
            forward.attempts += 1
            forward.next_attempt_at = now + CLAIMED_FOR
            forward.save(update_fields=["attempts", "next_attempt_at"])
        return forward


def _send(forward: Forward) -> None:
    """Outside of any transaction. It may arrive twice where we die before we have written that it
    did; a state event is level."""
    now, gateway = clock.database_now(), forward.delivery.gateway
    try:
        handed = _opened(forward)
        answer = Backend(gateway.forward_url).hand_on(
            handed.body,
            headers=_headers(gateway, handed, forward.delivery.received_at, now),
            deadline_seconds=DEADLINE_SECONDS,
        )
    except _Gone as error:
        _give_up(forward, str(error))
        return
    except (GatewayError, CannotOpen) as error:
        _postpone(forward, str(error), now)
        return
    if answer.status_code < 300:
        forward.delete()
    else:
        said = printable(answer.body[:200].decode("utf-8", "replace"), limit=200)
        _postpone(forward, f"the backend answered {answer.status_code}: {said}", now)


class _Gone(Exception):
    """What was to be handed on is not there any more."""


def _opened(forward: Forward) -> Handed:
    """Raises CannotOpen, _Gone."""
    sealed = forward.sealed_body or _fleeting(forward.pk)
    if not sealed:
        raise _Gone("it held a QR code, which is void by now")
    if not forward.delivery.gateway.forward_url:
        raise _Gone("its gateway has no forward URL any more")
    opened = json.loads(unseal(sealed))
    return Handed(body=base64.b64decode(opened["body"]), headers=opened["headers"])


def _fleeting(forward_id: int) -> str:
    try:
        kept = client().get(f"rollcall:forward:{forward_id}")
    except RedisError:
        return ""
    return kept if isinstance(kept, str) else ""


def _seal(handed: Handed) -> str:
    body = base64.b64encode(handed.body).decode()
    return seal(json.dumps({"body": body, "headers": dict(handed.headers)}))


def _headers(
    gateway: Gateway, handed: Handed, received_at: datetime, now: datetime
) -> Mapping[str, str]:
    """As they came; signed anew by the gateway's own secret once they are old."""
    secrets = gateway.active_secrets(GatewaySecret.Purpose.HMAC, now)
    if now - received_at < SIGNED_ANEW_AFTER or not secrets:
        return handed.headers
    profile = DIALECTS[gateway.kind].profile
    event_id = handed.headers.get(profile.id_header, "")
    fresh = signing.headers_for(
        profile, handed.body, hmac_secret=secrets[0], api_key="", event_id=event_id, now=now
    )
    return {**handed.headers, **fresh}


def _postpone(forward: Forward, why: str, now: datetime) -> None:
    """2, 4, 8 … 300 s, each between a half and the whole of it; for a day."""
    if now - forward.delivery.received_at >= GIVE_UP_AFTER:
        _give_up(forward, why)
        return
    pause = min(LONGEST_PAUSE_SECONDS, 2.0 ** min(forward.attempts, 10))
    forward.error = why[:500]
    forward.next_attempt_at = now + timedelta(seconds=pause * random.uniform(0.5, 1))
    forward.save(update_fields=["error", "next_attempt_at"])


def _give_up(forward: Forward, why: str) -> None:
    """The row stays, without its body, and says why."""
    forward.error, forward.sealed_body, forward.next_attempt_at = why[:500], "", None
    forward.save(update_fields=["error", "sealed_body", "next_attempt_at"])
