"""The schedule by which a delivery that could not be applied is retried."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from accounts.words.durations import backoff
from gateways.wire.untrusted import printable
from webhooks.models import Delivery

GIVE_UP_AFTER = timedelta(minutes=10)
FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(seconds=60)


def postpone(delivery: Delivery, error: Exception, now: datetime) -> None:
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
