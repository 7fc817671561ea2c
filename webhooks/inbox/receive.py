"""The processing of a delivery: translate it into an observation, and store the outcome."""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from accounts.state.observations import BELIEVED, Observation, Verdict
from accounts.state.observe import observe
from accounts.state.qr_codes import keep_qr
from accounts.store.enqueue import enqueue_task
from accounts.words.backoff import backoff
from accounts.words.status import Source, Status
from gateways.base import Event, Kind, Reason
from gateways.wire.text import printable
from webhooks.forwarding.rows import Handed, keep_forward
from webhooks.inbox.duplicates import LONGEST_ID, SIGNED, is_probable_retry, is_repeat
from webhooks.models import Delivery
from webhooks.wire.bodies import Body

logger = logging.getLogger(__name__)
GIVE_UP_AFTER = timedelta(minutes=10)
FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(seconds=60)
# The event's name if it could not be read.
UNREADABLE = "unreadable"

WHY = {
    Verdict.UNKNOWN_SESSION: "unknown session: no account runs on it",
    Verdict.WORKSPACE_MISMATCH: "the payload names another workspace than the account's",
    Verdict.DUPLICATE: "duplicate: the number runs on another gateway, proven lately",
    Verdict.OLDER: "something newer is known",
    Verdict.SUPERSEDED: "the session was superseded by another of the same number",
}
_CLAIMS = (Kind.STATE, Kind.HINT)
_LATE = frozenset({Verdict.OLDER, Verdict.SUPERSEDED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    state: Delivery.State
    why: str = ""
    account_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """The result of `receive`. `delivery` is None for a repeat."""

    delivery: Delivery | None = None
    is_retried: bool = False


def receive(
    gateway_id: int,
    event: Event,
    *,
    body: Body,
    path: str,
    received_at: datetime,
    handed: Handed | None = None,
    signed_digest: str = "",
) -> Received:
    """Keep it, then apply it, in one transaction: the row survives whatever applying does. `handed`
    is what a backend gets of it; an event without an id is known by `signed_digest`.

    Raises django.db errors only when it cannot be committed at all.
    """
    with transaction.atomic():
        known_by = event.event_id or (f"{SIGNED}{signed_digest}" if signed_digest else "")
        if known_by and is_repeat(gateway_id, known_by, received_at):
            if not event.event_id and event.session_id and event.kind in _CLAIMS:
                # The same words may be true twice within the second that was signed.
                enqueue_task("accounts.tasks.confirm_session", gateway_id, event.session_id)
            return Received()
        session_id = event.session_id or ""
        is_retried = not event.event_id and is_probable_retry(
            gateway_id, session_id, body.digest, received_at
        )
        delivery = Delivery.objects.create(
            gateway_id=gateway_id,
            event=event.name,
            event_id=(event.event_id or "")[:LONGEST_ID],
            occurred_at=event.occurred_at,
            session_id=session_id,
            is_probable_retry=is_retried,
            workspace_claim=event.workspace_id,
            path=path,
            said=_said(event),
            size_bytes=body.size_bytes,
            digest=body.digest,
            received_at=received_at,
            next_attempt_at=received_at,
        )
        attempt(delivery, now=received_at)
        if handed is not None:
            keep_forward(delivery, handed)
    if event.qr_code and delivery.account_id:
        keep_qr(delivery.account_id, event.qr_code, seconds=event.qr_expires_in_seconds or 60)
    return Received(delivery=delivery, is_retried=is_retried)


def keep_unreadable(
    gateway_id: int, why: str, *, body: Body, path: str, received_at: datetime
) -> None:
    """Store an authenticated body that is not in its gateway's format, without its values."""
    Delivery.objects.create(
        gateway_id=gateway_id,
        event=UNREADABLE,
        path=path,
        size_bytes=body.size_bytes,
        digest=body.digest,
        state=Delivery.State.DEAD,
        error=why[:500],
        first_error=why[:500],
        error_class="UnreadableEvent",
        attempts=1,
        received_at=received_at,
        settled_at=received_at,
    )


def attempt(delivery: Delivery, *, now: datetime) -> None:
    """Apply the delivery in a savepoint and write the outcome. A failure leaves it pending, or
    dead after 10 minutes of retries."""
    delivery.attempts += 1
    try:
        with transaction.atomic():
            settled = apply(delivery)
    except Exception as error:
        logger.exception("delivery %s could not be applied", delivery.pk)
        _postpone(delivery, error, now)
    else:
        delivery.state, delivery.error = settled.state, settled.why
        delivery.account_id = settled.account_id
        delivery.settled_at, delivery.next_attempt_at = now, None
    delivery.save(
        update_fields=[
            *("state", "error", "account", "attempts", "settled_at", "next_attempt_at"),
            *("first_error", "error_class"),
        ]
    )


def _postpone(delivery: Delivery, error: Exception, now: datetime) -> None:
    """Schedule a retry after 1, 2, 4 … 60 s with jitter (half to all of it)."""
    # The error's first line only: a database's detail may quote values.
    delivery.error_class = type(error).__name__
    line = (str(error).splitlines() or [""])[0]
    delivery.error = printable(f"{delivery.error_class}: {line}", limit=500)
    delivery.first_error = delivery.first_error or delivery.error
    if now - delivery.received_at >= GIVE_UP_AFTER:
        delivery.state, delivery.settled_at = Delivery.State.DEAD, now
        delivery.next_attempt_at = None
        return
    delivery.next_attempt_at = now + backoff(
        delivery.attempts, chance=random.random(), first=FIRST_PAUSE, longest=LONGEST_PAUSE
    )


def apply(delivery: Delivery) -> Settled:
    """Apply the delivery to its account. A second time is harmless: it sets a state, not a
    change."""
    kind = Kind(delivery.said["kind"])
    if kind is Kind.CANARY:
        return Settled(state=Delivery.State.APPLIED, why="a test of the route")
    if kind is Kind.UNRECOGNISED:
        return Settled(state=Delivery.State.IGNORED, why="unrecognised event")
    outcome = observe([_observation(delivery)])[0]
    if outcome.verdict in BELIEVED:
        why = _follow_hint(delivery) if kind is Kind.HINT else ""
        return Settled(state=Delivery.State.APPLIED, why=why, account_id=outcome.account_id)
    late = outcome.verdict in _LATE
    return Settled(
        state=Delivery.State.SUPERSEDED if late else Delivery.State.IGNORED,
        why=WHY.get(outcome.verdict, outcome.verdict),
        account_id=outcome.account_id,
    )


def _follow_hint(delivery: Delivery) -> str:
    """It proves nothing by itself (a gateway was seen to say "reconnected" when nothing was): its
    session is read."""
    enqueue_task("accounts.tasks.confirm_session", delivery.gateway_id, delivery.session_id)
    return "changes nothing by itself: the session is read"


def _said(event: Event) -> dict[str, object]:
    """Return the parts of an event that may be stored and suffice to apply it again. Never a QR
    code, never content."""
    return {
        "kind": event.kind,
        "status": event.state,
        "reason": event.reason,
        "raw": event.raw_reason,
        "phone_number": event.phone_number,
        "fields": dict(event.fields),
    }


def _observation(delivery: Delivery) -> Observation:
    said = delivery.said
    return Observation(
        gateway_id=delivery.gateway_id,
        session_id=delivery.session_id,
        status=Status(said["status"]) if said["status"] else None,
        reason=Reason(said["reason"]),
        raw=str(said["raw"]),
        phone_number=said["phone_number"],
        workspace_id=delivery.workspace_claim,
        observed_at=delivery.received_at,
        source=Source.WEBHOOK,
        evidence=f"delivery {delivery.pk}",
    )
