"""The processing of a delivery: translate it into an observation, and store the outcome."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from django.db import connection, transaction

from accounts.state.observations import BELIEVED, Observation, Outcome, Verdict
from accounts.state.observe import observe
from accounts.store import clock
from accounts.store.announce import announce
from accounts.store.database import short_waits
from accounts.store.enqueue import enqueue_task, enqueue_together
from accounts.store.qr_codes import keep_qr
from accounts.words.status import Source, Status
from gateways.base import Event, Kind, Reason, Restriction
from webhooks.forwarding.rows import Handed, keep_forward
from webhooks.inbox.commit_group import CommitGroup
from webhooks.inbox.duplicates import (
    LONGEST_ID,
    SIGNED,
    are_repeats,
    is_probable_retry,
    is_repeat,
    newest_of,
)
from webhooks.inbox.retry_schedule import postpone
from webhooks.models import Delivery
from webhooks.wire.bodies import Body

logger = logging.getLogger(__name__)
# For a row that somebody holds; who needs it then waits for it alone.
GROUP_WAITS_MILLISECONDS = 100
# The event's name if it could not be read.
UNREADABLE = "unreadable"

_NEXT_IDS = """
SELECT nextval(pg_get_serial_sequence('webhook_deliveries', 'id')) FROM generate_series(1, %s)
"""

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
class Arrived:
    """A webhook that is to be kept. `handed` is what a backend gets of it."""

    gateway_id: int
    event: Event
    body: Body
    path: str
    handed: Handed | None = None
    signed_digest: str = ""

    @property
    def session(self) -> tuple[int, str]:
        return self.gateway_id, self.event.session_id or ""

    @property
    def known_by(self) -> str:
        """Identify a delivery for the duplicate check: its event id, else its signature; "" if
        neither."""
        signed = f"{SIGNED}{self.signed_digest}" if self.signed_digest else ""
        return self.event.event_id or signed


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """The result of `receive`. `delivery` is None for a repeat."""

    delivery: Delivery | None = None
    is_retried: bool = False


def receive(arrived: Arrived) -> Received:
    """Keep it, then apply it, in one transaction, together with others that arrive now. Where
    applying fails the row survives, and is tried again.

    Raises django.db errors only when it cannot be committed at all.
    """
    received = _group.commit(arrived)
    event, delivery = arrived.event, received.delivery
    if event.qr_code and delivery is not None and delivery.account_id:
        keep_qr(delivery.account_id, event.qr_code, seconds=event.qr_expires_in_seconds or 60)
        announce(accounts=[delivery.account_id])
    return received


def _receive_together(group: Sequence[tuple[Arrived, datetime]]) -> list[Received]:
    """Receive all of them or none. Raises what any of them raises."""
    with (
        transaction.atomic(),
        enqueue_together(),
        short_waits(to_the_end=True, milliseconds=GROUP_WAITS_MILLISECONDS),
    ):
        repeated = are_repeats(
            [(one.gateway_id, one.known_by) for one, _ in group], [at for _, at in group]
        )
        for (one, _), was in zip(group, repeated, strict=True):
            if was:
                _look_again(one)
        new = [one for one, was in zip(group, repeated, strict=True) if not was]
        deliveries = _deliveries(new)
        _apply_together(deliveries)
        Delivery.objects.bulk_create(deliveries)
        for delivery, (one, _) in zip(deliveries, new, strict=True):
            if one.handed is not None:
                keep_forward(delivery, one.handed)
    kept = iter(deliveries)
    return [Received() if was else _as_received(next(kept)) for was in repeated]


def _receive_alone(arrived: Arrived, received_at: datetime) -> Received:
    """Keep it first, so that the row survives whatever applying does."""
    with transaction.atomic():
        if is_repeat(arrived.gateway_id, arrived.known_by, received_at):
            _look_again(arrived)
            return Received()
        [delivery] = _deliveries([(arrived, received_at)])
        delivery.save(force_insert=True)
        attempt(delivery, now=received_at)
        if arrived.handed is not None:
            keep_forward(delivery, arrived.handed)
    return _as_received(delivery)


def _look_again(repeated: Arrived) -> None:
    """The same words may be true twice within the second that was signed."""
    event = repeated.event
    if not event.event_id and event.session_id and event.kind in _CLAIMS:
        enqueue_task("accounts.tasks.confirm_session", *repeated.session)


_group = CommitGroup(
    together=_receive_together,
    alone=_receive_alone,
    now=lambda: clock.database_now(),
    key=lambda arrived: arrived.session,
)


def _as_received(delivery: Delivery) -> Received:
    return Received(delivery=delivery, is_retried=delivery.is_probable_retry)


def _deliveries(new: Sequence[tuple[Arrived, datetime]]) -> list[Delivery]:
    """Rows that are pending, and not written yet."""
    ids = _next_ids(len(new))
    newest = newest_of({one.session for one, _ in new if not one.event.event_id and one.session[1]})
    deliveries = []
    for pk, (one, received_at) in zip(ids, new, strict=True):
        event, digest = one.event, one.body.digest
        is_retried = not event.event_id and is_probable_retry(
            newest.get(one.session), digest, received_at
        )
        if one.session[1]:
            newest[one.session] = digest, received_at
        deliveries.append(
            Delivery(
                pk=pk,
                gateway_id=one.gateway_id,
                event=event.name,
                event_id=(event.event_id or "")[:LONGEST_ID],
                occurred_at=event.occurred_at,
                session_id=one.session[1],
                is_probable_retry=is_retried,
                workspace_claim=event.workspace_id,
                path=one.path,
                said=_said(event),
                size_bytes=one.body.size_bytes,
                digest=digest,
                received_at=received_at,
                next_attempt_at=received_at,
            )
        )
    return deliveries


def _next_ids(number: int) -> list[int]:
    """Reserve ids for rows that other rows name before they are written."""
    if not number:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_NEXT_IDS, [number])
        return [pk for (pk,) in cursor.fetchall()]


def _apply_together(deliveries: Sequence[Delivery]) -> None:
    """The outcome of each, in its fields. Raises what observe() raises."""
    speaking = [one for one in deliveries if _without_observing(one) is None]
    outcomes = iter(observe([_observation(one) for one in speaking]))
    for one in deliveries:
        one.attempts += 1
        _settle(one, _without_observing(one) or _settled(one, next(outcomes)), one.received_at)


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
        postpone(delivery, error, now)
    else:
        _settle(delivery, settled, now)
    delivery.save(
        update_fields=[
            *("state", "error", "account", "attempts", "settled_at", "next_attempt_at"),
            *("first_error", "error_class"),
        ]
    )


def _settle(delivery: Delivery, settled: Settled, now: datetime) -> None:
    delivery.state, delivery.error = settled.state, settled.why
    delivery.account_id = settled.account_id
    delivery.settled_at, delivery.next_attempt_at = now, None


def apply(delivery: Delivery) -> Settled:
    """Apply the delivery to its account. A second time is harmless: it sets a state, not a
    change."""
    return _without_observing(delivery) or _settled(delivery, observe([_observation(delivery)])[0])


def _without_observing(delivery: Delivery) -> Settled | None:
    """Return None where it speaks of a session."""
    kind = Kind(delivery.said["kind"])
    if kind is Kind.CANARY:
        return Settled(state=Delivery.State.APPLIED, why="a test of the route")
    if kind is Kind.UNRECOGNISED:
        return Settled(state=Delivery.State.IGNORED, why="unrecognised event")
    return None


def _settled(delivery: Delivery, outcome: Outcome) -> Settled:
    if outcome.verdict in BELIEVED:
        why = ""
        if delivery.said["kind"] == Kind.HINT:
            # A hint proves nothing: a gateway said "reconnected" when nothing was.
            session = delivery.gateway_id, delivery.session_id
            enqueue_task("accounts.tasks.confirm_session", *session)
            why = "changes nothing by itself: the session is read"
        return Settled(state=Delivery.State.APPLIED, why=why, account_id=outcome.account_id)
    late = outcome.verdict in _LATE
    return Settled(
        state=Delivery.State.SUPERSEDED if late else Delivery.State.IGNORED,
        why=WHY.get(outcome.verdict, outcome.verdict),
        account_id=outcome.account_id,
    )


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
        "restriction": msgspec.to_builtins(event.restriction) if event.restriction else None,
        "event_at": event.order.isoformat() if event.order else None,
    }


def _observation(delivery: Delivery) -> Observation:
    said, told_at = delivery.said, delivery.said.get("event_at")
    limit = said.get("restriction")
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
        restriction=msgspec.convert(limit, Restriction) if limit else None,
        event_at=datetime.fromisoformat(told_at) if told_at else None,
        evidence=f"delivery {delivery.pk}",
    )
