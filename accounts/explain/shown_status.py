"""The status that is shown, since when, and the code of its reason."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings

from accounts.models import Account
from accounts.state.expiry import why_unseen
from accounts.words.freshness import word_lives
from accounts.words.status import Status


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
    """Return the time since `moment` in words: "8 s", "14 min", "3 h 5 min", "2 d 4 h"."""
    seconds = max(0, int((now - moment).total_seconds()))
    if seconds < 120:
        return f"{seconds} s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if minutes < 120:
        return f"{minutes} min"
    if hours < 48:
        return f"{hours} h {minutes % 60} min"
    return f"{days} d {hours % 24} h"
