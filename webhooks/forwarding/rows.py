"""State events to be forwarded to a business's own backend.

The row is committed with the delivery, and forwarded until it arrives
(webhooks.forwarding.sender). Our own state does not wait for it.
"""

from __future__ import annotations

import base64
import json
import logging
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min
from redis.exceptions import RedisError

from accounts.models import GatewaySecret
from accounts.store.encryption import seal, unseal
from accounts.store.enqueue import enqueue_task
from accounts.store.redis_client import client
from accounts.words.durations import backoff
from gateways import signing
from gateways.base import GatewayError
from gateways.registry import KINDS
from gateways.wire.http import Answer
from webhooks.models import Delivery, Forward

logger = logging.getLogger(__name__)
GIVE_UP_AFTER = timedelta(hours=24)
FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(seconds=60)
# The backend may no longer accept the time of the old signature.
SIGNED_ANEW_AFTER = timedelta(seconds=60)
QR_SECONDS = 60
# Answers of a backend to the content of one event. Any other error would also hit the next event,
# which therefore waits, so that events arrive in order …
ABOUT_THE_EVENT = frozenset({400, 409, 413, 415, 422, 500})
# … for about an hour: this event may be the one that breaks the backend.
ATTEMPTS_THAT_HOLD_OTHERS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """A webhook to forward: the body as it came, and the headers that authenticate it.

    `is_fleeting`: it holds a QR code, which is never in a row and soon expires.
    """

    body: bytes
    headers: Mapping[str, str]
    is_fleeting: bool = False


class Gone(Exception):
    """The reason why a webhook cannot be forwarded any more."""


def keep_forward(delivery: Delivery, handed: Handed) -> None:
    """Save the forward with the delivery, in the caller's transaction; it is sent after the
    commit."""
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
    """Return the webhook as it came. An old one is signed again with the gateway's own secret.

    Raise Gone, CannotOpen.
    """
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
    """Delete the row if the forward arrived, or schedule a retry.

    The backend's answer is not stored: it may quote the body.
    """
    if isinstance(outcome, GatewayError):
        postpone(forward, str(outcome), now)
    elif outcome.status_code < 300:
        Forward.objects.filter(pk=forward.pk).delete()
        _forget_fleeting(forward.pk)
    else:
        status = outcome.status_code
        postpone(forward, _said(status), now, is_set_aside=status in ABOUT_THE_EVENT)


def postpone(forward: Forward, why: str, now: datetime, *, is_set_aside: bool = False) -> None:
    """Schedule a retry after 2, 4, 8 … 60 s with jitter (half to all of it), for a day."""
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
    """Keep the row without its body, with the reason."""
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


# --- forwards that are stuck ----------------------------------------------------------------------
# A restart of a backend needs no incident.
STUCK_AFTER = timedelta(minutes=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """The stuck forwards of one gateway. `since`: the oldest came in; the error is the latest."""

    number: int
    since: datetime
    why: str


def stuck_forwards(now: datetime) -> Mapping[int, Stuck]:
    """Return them by gateway, with two statements for any number."""
    waiting = Forward.objects.filter(
        next_attempt_at__isnull=False, delivery__received_at__lte=now - STUCK_AFTER
    )
    oldest = waiting.order_by("gateway_id", "pk").distinct("gateway_id")
    why = dict(oldest.values_list("gateway_id", "error"))
    found = waiting.order_by().values_list("gateway_id")
    return {
        gateway_id: Stuck(number=number, since=since, why=why.get(gateway_id, ""))
        for gateway_id, number, since in found.annotate(Count("pk"), Min("delivery__received_at"))
    }
