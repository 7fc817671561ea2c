"""What is shown of an account's word, since when, and the code of its reason."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings

from accounts.models import Account
from accounts.state.expiry import why_unseen
from accounts.words.freshness import word_lives
from accounts.words.status import Status


def is_expired(account: Account, shown: Status) -> bool:
    """Its word has expired while nothing of ours ran to say so in the row."""
    return shown is Status.UNKNOWN and account.status != Status.UNKNOWN


def code_of(account: Account, shown: Status, now: datetime) -> str:
    """The reason of what is shown; of an expired word, what the sweep would write."""
    return why_unseen(account, now) if is_expired(account, shown) else account.status_reason


def since_of(account: Account, shown: Status) -> datetime:
    expired_at = account.fresh_at if is_expired(account, shown) else None
    return expired_at or account.status_since


def roll_calls_keep() -> timedelta:
    """For so long the last roll call says that there are any."""
    return timedelta(seconds=settings.LIVE_WORD_EXPIRES_AFTER_SECONDS)


def said_keep(kind: str) -> str:
    """For how long a live word of such a gateway is believed."""
    lives = word_lives(kind)
    return age(datetime.min, datetime.min + lives)


def age(moment: datetime, now: datetime) -> str:
    """How long ago, as a person says it: "8 s", "14 min", "3 h 5 min", "2 d 4 h"."""
    seconds = max(0, int((now - moment).total_seconds()))
    if seconds < 120:
        return f"{seconds} s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if minutes < 120:
        return f"{minutes} min"
    if hours < 48:
        return f"{hours} h {minutes % 60} min"
    return f"{days} d {hours % 24} h"
