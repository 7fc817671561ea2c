"""State events that a business's own backend does not accept: since when, how many, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min

from webhooks.models import Forward

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
