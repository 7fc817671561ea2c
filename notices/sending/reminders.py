"""Reminders of what nobody has acknowledged and what has not come back."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.models import Membership
from accounts.store import clock
from notices.models import Delivery, Notice, Subscription

# After the first: to all that were told; after the second: to owners and operators' channels.
ROUNDS = (timedelta(minutes=15), timedelta(minutes=60))
# Webhooks are for machines; in the app the notice itself stays unread.
REMINDED = (Subscription.Kind.EMAIL, Subscription.Kind.APPRISE, Subscription.Kind.CHANNEL)
What = Delivery.What


def remind() -> int:
    """Queue the reminders that are due. Return how many. A repeat queues none twice."""
    now = clock.database_now()
    queued = 0
    for number, after in enumerate(ROUNDS, start=1):
        for told in _due(number, after, now):
            row = Delivery(
                notice_id=told.notice_id,
                subscription_id=told.subscription_id,
                what=What.REMINDER,
                round=number,
                next_attempt_at=now,
            )
            Delivery.objects.bulk_create([row], ignore_conflicts=True)
            queued += 1
    return queued


def _due(number: int, after: timedelta, now: datetime) -> QuerySet[Delivery]:
    """Return the first deliveries of those to remind, of notices that opened up to a day ago."""
    notices = Notice.objects.filter(
        closed_at__isnull=True,
        acknowledged_at__isnull=True,
        opened_at__lte=now - after,
        opened_at__gt=now - after - timedelta(days=1),
    )
    reminded = Delivery.objects.filter(
        notice=OuterRef("notice"),
        subscription=OuterRef("subscription"),
        what=What.REMINDER,
        round=number,
    )
    told = Delivery.objects.filter(
        ~Exists(reminded),
        notice__in=notices,
        what=What.LOST,
        state=Delivery.State.SENT,
        sent_at__lte=now - after,
        subscription__kind__in=REMINDED,
        subscription__is_active=True,
    )
    return told if number == 1 else told.filter(_owners())


def _owners() -> Q:
    """Keep a workspace's owners only; of the operators all."""
    owner = Membership.objects.filter(
        role=Membership.Role.OWNER,
        user=OuterRef("subscription__user"),
        workspace=OuterRef("subscription__workspace"),
    )
    return Q(subscription__user__isnull=True) | Q(Exists(owner))
