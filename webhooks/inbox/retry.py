"""The inbox's retries: pending deliveries, those that came before their account, and pruning."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from accounts.state.observations import Verdict
from accounts.store import clock
from webhooks.inbox.receive import WHY, attempt
from webhooks.inbox.retry_schedule import GIVE_UP_AFTER, LONGEST_PAUSE
from webhooks.models import Delivery

SWEEP_ROWS = 500
PRUNE_ROWS = 5000


def sweep_pending() -> int:
    """Apply the due deliveries, oldest first, each in its own transaction. Return how many were
    tried."""
    tried = 0
    while tried < SWEEP_ROWS and _try_next():
        tried += 1
    return tried


def _try_next() -> bool:
    with transaction.atomic():
        now = clock.database_now()
        delivery = (
            Delivery.objects.select_for_update(skip_locked=True)
            .filter(_is_due(now), state=Delivery.State.PENDING)
            .order_by("next_attempt_at")
            .first()
        )
        if delivery is None:
            return False
        attempt(delivery, now=now)
        return True


def _is_due(now: datetime) -> Q:
    """Match the due deliveries. A pause above the maximum began before the clock was set back:
    due too."""
    longest = LONGEST_PAUSE
    return Q(next_attempt_at__lte=now) | Q(next_attempt_at__gt=now + longest)


def reapply(gateway_id: int, session_id: str) -> int:
    """Apply the deliveries that came before their session was registered, in order. Return how
    many.

    A QR code's webhook can overtake the answer that names the session.
    """
    now = clock.database_now()
    with transaction.atomic():
        waiting = (
            Delivery.objects.select_for_update()
            .filter(
                gateway_id=gateway_id,
                session_id=session_id,
                state=Delivery.State.IGNORED,
                error=WHY[Verdict.UNKNOWN_SESSION],
                received_at__gt=now - GIVE_UP_AFTER,
            )
            .order_by("received_at", "id")
        )
        deliveries = list(waiting)
        for delivery in deliveries:
            attempt(delivery, now=now)
    return len(deliveries)


def prune() -> int:
    """Delete rows older than the retention, in batches. Return how many."""
    limit = clock.database_now() - timedelta(days=settings.DELIVERIES_KEPT_DAYS)
    gone = 0
    while True:
        oldest = Delivery.objects.filter(received_at__lt=limit).order_by("received_at")
        pks = list(oldest.values_list("pk", flat=True)[:PRUNE_ROWS])
        if not pks:
            return gone
        gone += Delivery.objects.filter(pk__in=pks).delete()[0]
