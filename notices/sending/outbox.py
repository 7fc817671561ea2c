"""Send what is due. The rows are the queue: a delivery is claimed and postponed before it is sent,
and marked after it, so that a sender that dies in between sends it again, as the same message.
Nothing is sent inside a request, a transaction or a lock."""

from __future__ import annotations

import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce

from accounts.incidents import alert_rules
from accounts.store import clock
from accounts.store.enqueue import enqueue_task
from gateways.wire.untrusted import printable
from notices.models import Delivery, Loss, Notice, Severity, Subscription
from notices.sending.carriers import Outcome, carry, hard_limit_seconds
from notices.sending.fate import Known, fate, next_attempt, quiet_until
from notices.subscriptions import may_still_be_told
from notices.wording.story import Story, Teller

# What is due together goes in one message.
MOST_IN_A_MESSAGE = 20
LEASE_BEYOND_SECONDS = 15

State = Delivery.State
What = Delivery.What


@dataclass(frozen=True, slots=True)
class Batch:
    """Deliveries of one message. `attempts`: how often it has been tried, this time included."""

    letter: uuid.UUID
    deliveries: list[Delivery]
    attempts: int

    @property
    def rows(self) -> QuerySet[Delivery]:
        return Delivery.objects.filter(pk__in=[one.pk for one in self.deliveries])


def sweep() -> None:
    """Start a task for every subscription with a due delivery. Each has its own task: a receiver
    that hangs blocks no other."""
    now = clock.database_now()
    due = Delivery.objects.filter(state=State.PENDING, next_attempt_at__lte=now)
    for pk in due.order_by("subscription_id").values_list("subscription_id", flat=True).distinct():
        enqueue_task("notices.tasks.deliver", pk)


def deliver(subscription_id: int) -> int:
    """Send what is due through this subscription. Return how many messages were sent."""
    found = Subscription.objects.select_related("user", "channel", "workspace")
    subscription = found.filter(pk=subscription_id).first()
    sent = 0
    while subscription is not None and (batch := _claim(subscription)):
        now = clock.database_now()
        outcome = carry(
            subscription, _stories(subscription, batch, now), Teller(subscription, now),
            letter_id=batch.letter.hex,
        )  # fmt: skip
        _settle(subscription, batch, outcome)
        sent += outcome.sent
        if not outcome.sent:
            break
        subscription.refresh_from_db()
    return sent


def _stories(subscription: Subscription, batch: Batch, now: datetime) -> list[Story]:
    """Tell each notice once, even where its beginning and its end go in one message."""
    teller = Teller(subscription, now)
    begun = {one.notice_id for one in batch.deliveries if one.what == What.LOST}
    told = [one for one in batch.deliveries if one.what != What.BACK or one.notice_id not in begun]
    return [teller.tell(one) for one in told]


def _claim(subscription: Subscription) -> Batch | None:
    if not _take_lease(subscription):
        return None
    with transaction.atomic():
        now = clock.database_now()
        rows = _to_send(subscription, now)
        batch = _postponed(subscription, rows, now) if rows else None
    if batch is None:
        _end_lease(subscription)
    return batch


def _lease_for(subscription: Subscription) -> timedelta:
    seconds = hard_limit_seconds(subscription)
    if subscription.channel is not None:
        seconds = max(seconds, subscription.channel.timeout_seconds + 5)
    return timedelta(seconds=seconds + LEASE_BEYOND_SECONDS)


def _take_lease(subscription: Subscription) -> bool:
    now, limit = clock.database_now(), _lease_for(subscription)
    free = clock.lease_free("sending_until", now, longest=limit)
    row = Subscription.objects.filter(free, pk=subscription.pk)
    return row.update(sending_until=now + limit) == 1


def _end_lease(subscription: Subscription) -> None:
    Subscription.objects.filter(pk=subscription.pk).update(sending_until=None)


def _to_send(subscription: Subscription, now: datetime) -> list[Delivery]:
    """Return the deliveries of the next message: those of one that was tried before, or all that
    are due and new, unless the hourly limit is reached."""
    due = list(
        subscription.deliveries.filter(state=State.PENDING, next_attempt_at__lte=now)
        .select_related("notice")
        .order_by("id")[: MOST_IN_A_MESSAGE * 5]
    )
    is_on = subscription.is_active and may_still_be_told(subscription)
    if subscription.channel is not None:
        is_on = is_on and subscription.channel.is_active
    rows: list[Delivery] = []
    for row in due:
        if row.letter is not None:
            if is_on:
                return [one for one in due if one.letter == row.letter]
            _cancel([row], "switched off, or left")
            continue
        _sort_out(row, subscription, rows, is_on=is_on, now=now)
    rows = rows[: 1 if subscription.kind == Subscription.Kind.WEBHOOK else MOST_IN_A_MESSAGE]
    return rows if _may_leave(subscription, rows, now) else []


def _sort_out(
    row: Delivery, subscription: Subscription, rows: list[Delivery], *, is_on: bool, now: datetime
) -> None:
    match fate(_known(row, subscription, rows, is_on=is_on, now=now), now):
        case alert_rules.Send():
            rows.append(row)
        case alert_rules.WaitToTell(until):
            is_quiet = row.is_held or row.what in (What.LOST, What.MORE, What.REMINDER)
            _pending([row]).update(next_attempt_at=until, is_held=is_quiet)
        case alert_rules.Cancel(why):
            _cancel([row], why)


def _known(
    row: Delivery, subscription: Subscription, rows: Sequence[Delivery], *, is_on: bool,
    now: datetime,
) -> Known:  # fmt: skip
    notice = row.notice
    lost = None
    if row.what not in (What.LOST, What.TEST):
        said = subscription.deliveries.filter(notice=notice, what=What.LOST)
        lost = said.values_list("state", flat=True).first()
    zone = subscription.time_zone or settings.NOTICE_TIME_ZONE
    is_pushed = subscription.kind == Subscription.Kind.WEBHOOK
    return Known(
        what=row.what,
        is_held=row.is_held,
        severity=notice.severity if notice else Severity.WARNING,
        is_closed=notice is not None and notice.closed_at is not None,
        is_acknowledged=notice is not None and notice.acknowledged_at is not None,
        is_on=is_on,
        is_quiet_until=None if is_pushed else quiet_until(subscription, now, time_zone=zone),
        lost=lost,
        lost_is_in_this_message=any(
            one.notice_id == row.notice_id and one.what == What.LOST for one in rows
        ),
    )


def _may_leave(subscription: Subscription, rows: Sequence[Delivery], now: datetime) -> bool:
    """Return False, and postpone the rows, if the limit is reached: they go in one message then."""
    if not rows or subscription.kind == Subscription.Kind.WEBHOOK:
        return bool(rows)
    sent = subscription.deliveries.filter(sent_at__gt=now - alert_rules.HOUR)
    times = sent.order_by("sent_at").values_list("sent_at", flat=True).distinct()
    free_at = alert_rules.may_send_at(
        [time for time in times if time], most_per_hour=subscription.most_per_hour, now=now
    )
    if free_at > now:
        _pending(rows).update(next_attempt_at=free_at)
    return free_at <= now


def _postponed(subscription: Subscription, rows: list[Delivery], now: datetime) -> Batch:
    """Put the rows off in case that this sender dies, and give a new message its id."""
    attempts = max(row.attempts for row in rows) + 1
    letter = rows[0].letter or rows[0].key
    wait = next_attempt(subscription.kind, attempts, chance=random.random())
    # Not within the lease: it would be claimed while it is being sent.
    wait = max(wait or timedelta(0), _lease_for(subscription))
    _pending(rows).update(attempts=F("attempts") + 1, letter=letter, next_attempt_at=now + wait)
    return Batch(letter, rows, attempts)


def _pending(rows: Sequence[Delivery]) -> QuerySet[Delivery]:
    return Delivery.objects.filter(pk__in=[row.pk for row in rows], state=State.PENDING)


def _cancel(rows: Sequence[Delivery], why: str) -> None:
    _pending(rows).update(state=State.CANCELLED, error=why, next_attempt_at=None)


def _settle(subscription: Subscription, batch: Batch, outcome: Outcome) -> None:
    """Write the outcome, and what it says about the channel, in one transaction."""
    now = clock.database_now()
    rows = batch.rows.exclude(state=State.SENT)
    row = Subscription.objects.filter(pk=subscription.pk)
    error = printable(outcome.error, limit=500)
    with transaction.atomic():
        if outcome.sent:
            rows.update(state=State.SENT, sent_at=now, error=error, next_attempt_at=None)
            row.update(last_sent_at=now, failing_since=None, last_error="")
        else:
            _settle_failure(subscription, batch, outcome, now)
            row.update(failing_since=Coalesce("failing_since", now), last_error=error)
        if outcome.gone:
            row.update(is_active=False)
        _end_lease(subscription)


def _settle_failure(
    subscription: Subscription, batch: Batch, outcome: Outcome, now: datetime
) -> None:
    wait = next_attempt(
        subscription.kind, batch.attempts, chance=random.random(), retry_after=outcome.retry_after
    )
    rows = batch.rows.filter(state=State.PENDING)
    error = printable(outcome.error, limit=500)
    is_test = all(one.what == What.TEST for one in batch.deliveries)
    if wait is None or outcome.gone or is_test:
        rows.update(state=State.DEAD, error=error, next_attempt_at=None)
    else:
        rows.update(error=error, next_attempt_at=now + wait)


def request_test(subscription: Subscription) -> Delivery:
    """Queue a test. Its row shows how it went."""
    delivery = Delivery.objects.create(
        subscription=subscription, what=What.TEST, next_attempt_at=clock.database_now()
    )
    if subscription.kind == Subscription.Kind.IN_APP:
        now = clock.database_now()
        Delivery.objects.filter(pk=delivery.pk).update(
            state=State.SENT, sent_at=now, next_attempt_at=None
        )
    else:
        enqueue_task("notices.tasks.deliver", subscription.pk)
    return delivery


def prune() -> int:
    """Delete what is over for long: notices with their deliveries, losses, tests."""
    limit = clock.database_now() - timedelta(days=settings.INCIDENTS_KEPT_DAYS)
    gone = 0
    for old in (
        Notice.objects.filter(closed_at__lt=limit),
        Loss.objects.filter(ended_at__lt=limit),
        Delivery.objects.filter(notice__isnull=True, created_at__lt=limit),
    ):
        while pks := list(old.values_list("pk", flat=True)[:5000]):
            gone += len(pks)
            old.model._default_manager.filter(pk__in=pks).delete()
    return gone
