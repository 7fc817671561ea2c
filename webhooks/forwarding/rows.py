"""State events on their way to a business's own backend: committed with their delivery, and handed
on from the row until they arrive (webhooks.forwarding.sender). Our own state waits for nobody."""

from __future__ import annotations

import base64
import json
import logging
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from redis.exceptions import RedisError

from accounts.models import GatewaySecret
from accounts.store.encryption import seal, unseal
from accounts.store.enqueue import enqueue_task
from accounts.store.redis_client import client
from accounts.words.backoff import backoff
from gateways import signing
from gateways.base import GatewayError
from gateways.registry import KINDS
from gateways.wire.http import Answer
from webhooks.models import Delivery, Forward

logger = logging.getLogger(__name__)
GIVE_UP_AFTER = timedelta(hours=24)
FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(seconds=60)
# The old signature names a time that the backend may not tolerate any more.
SIGNED_ANEW_AFTER = timedelta(seconds=60)
QR_SECONDS = 60
# What a backend answers to one event because of what it says. Anything else is true of the next
# event, too, which therefore waits, so that they arrive in their order …
ABOUT_THE_EVENT = frozenset({400, 409, 413, 415, 422, 500})
# … for about an hour: it may be this event that makes the backend fall over.
ATTEMPTS_THAT_HOLD_OTHERS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """What is to be handed on: the body as it came, and the headers that its trust rests on.
    `is_fleeting`: it holds a QR code, which is never in a row and soon worth nothing."""

    body: bytes
    headers: Mapping[str, str]
    is_fleeting: bool = False


class Gone(Exception):
    """It cannot be handed on any more, and why."""


def keep_forward(delivery: Delivery, handed: Handed) -> None:
    """With the delivery, in the caller's transaction; it is sent after the commit."""
    sealed = _seal(handed)
    forward = Forward.objects.create(
        delivery=delivery,
        gateway_id=delivery.gateway_id,
        sealed_body="" if handed.is_fleeting else sealed,
        next_attempt_at=delivery.received_at,
    )
    if handed.is_fleeting:
        _keep_fleeting(forward.pk, sealed)
    enqueue_task("webhooks.tasks.send_forwards")


def opened(forward: Forward, now: datetime) -> Handed:
    """As it came, but signed anew by the gateway's own secret once it is old. Raises Gone,
    CannotOpen."""
    if not forward.gateway.forward_url:
        raise Gone("its gateway has no forward URL any more")
    sealed = forward.sealed_body or _fleeting(forward.pk)
    if not sealed:
        raise Gone("it held a QR code, which is void by now")
    kept = json.loads(unseal(sealed))
    body, headers = base64.b64decode(kept["body"]), kept["headers"]
    if now - forward.delivery.received_at >= SIGNED_ANEW_AFTER:
        secrets = forward.gateway.active_secrets(GatewaySecret.Purpose.HMAC, now)
        profile = KINDS[forward.gateway.kind].profile
        headers = signing.signed_anew(profile, body, headers, secrets=secrets, now=now)
    return Handed(body=body, headers=headers)


def settle(forward: Forward, outcome: Answer | GatewayError, now: datetime) -> None:
    """It arrived, and its row goes; or it is tried again. Nothing that the backend said is kept:
    it may quote what it got."""
    if isinstance(outcome, GatewayError):
        postpone(forward, str(outcome), now)
    elif outcome.status_code < 300:
        Forward.objects.filter(pk=forward.pk).delete()
        _forget_fleeting(forward.pk)
    else:
        status = outcome.status_code
        postpone(forward, _said(status), now, is_set_aside=status in ABOUT_THE_EVENT)


def postpone(forward: Forward, why: str, now: datetime, *, is_set_aside: bool = False) -> None:
    """2, 4, 8 … 60 s, each between a half and the whole of it; for a day."""
    if now - forward.delivery.received_at >= GIVE_UP_AFTER:
        give_up(forward, why)
        return
    pause = backoff(
        forward.attempts, chance=random.random(), first=FIRST_PAUSE, longest=LONGEST_PAUSE
    )
    Forward.objects.filter(pk=forward.pk).update(
        error=why[:500],
        next_attempt_at=now + pause,
        is_set_aside=is_set_aside or forward.attempts >= ATTEMPTS_THAT_HOLD_OTHERS,
    )


def give_up(forward: Forward, why: str) -> None:
    """The row stays, without its body, and says why."""
    Forward.objects.filter(pk=forward.pk).update(
        error=why[:500], sealed_body="", next_attempt_at=None
    )


def _said(status: int) -> str:
    hint = ": the forward URL leads back to Rollcall itself" if status == 508 else ""
    return f"the backend answered {status}{hint}"


def _seal(handed: Handed) -> str:
    body = base64.b64encode(handed.body).decode()
    return seal(json.dumps({"body": body, "headers": dict(handed.headers)}))


def _key(forward_id: int) -> str:
    return f"rollcall:forward:{forward_id}"


def _keep_fleeting(forward_id: int, sealed: str) -> None:
    try:
        client().set(_key(forward_id), sealed, ex=QR_SECONDS)
    except RedisError as error:
        logger.warning("a QR code cannot be handed on: %s", type(error).__name__)


def _fleeting(forward_id: int) -> str:
    try:
        kept = client().get(_key(forward_id))
    except RedisError:
        return ""
    return kept if isinstance(kept, str) else ""


def _forget_fleeting(forward_id: int) -> None:
    try:
        client().delete(_key(forward_id))
    except RedisError:
        logger.info("a QR code that was handed on ends by itself within %d s", QR_SECONDS)
