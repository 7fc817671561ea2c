"""The status that is shown, since when, and the code of its reason."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from django.conf import settings

from accounts.models import Account
from accounts.state.expiry import why_unseen
from accounts.words.durations import word_lives
from accounts.words.status import Status

# A unit, its length, and the span from which the next one is used; both in seconds.
_UNITS = (("s", 1, 90), ("min", 60, 90 * 60), ("h", 3600, 36 * 3600), ("d", 86400, math.inf))


def is_expired(account: Account, shown: Status) -> bool:
    """Return True if the status has expired while no process of ours ran that could write that to
    the row."""
    return shown is Status.UNKNOWN and account.status != Status.UNKNOWN


def code_of(account: Account, shown: Status, now: datetime) -> str:
    """Return the reason of the shown status; for an expired one, the reason that the sweep would
    write."""
    return why_unseen(account, now) if is_expired(account, shown) else account.status_reason


def since_of(account: Account, shown: Status) -> datetime:
    expired_at = account.fresh_at if is_expired(account, shown) else None
    return expired_at or account.status_since


def roll_calls_keep() -> timedelta:
    """Return how long after the last roll call the schedule counts as running."""
    return timedelta(seconds=settings.LIVE_WORD_EXPIRES_AFTER_SECONDS)


def said_keep(kind: str) -> str:
    """Return how long a live status at a gateway of this kind is believed, in words."""
    lives = word_lives(kind)
    return age(datetime.min, datetime.min + lives)


def age(moment: datetime, now: datetime) -> str:
    """Return the time from `moment` to `now` in one rounded unit: "8 s", "14 min", "3 h", "2 d"."""
    seconds = max(0, int((now - moment).total_seconds()))
    unit, length = next((unit, length) for unit, length, limit in _UNITS if seconds < limit)
    return f"{(seconds + length // 2) // length} {unit}"
