"""Lifetime of a live status after it was last seen.

A gateway that can be read is listed three times a minute. From a gateway that cannot be read only
its own webhooks arrive, and no webhooks is not a loss.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q

from gateways.registry import clients


def read_kinds() -> frozenset[str]:
    """The kinds of gateway that can be read."""
    return frozenset(clients())


def can_be_read(kind: str) -> bool:
    return kind in clients()


def word_lives(kind: str) -> timedelta:
    """Return how long a live status at a gateway of this kind is believed."""
    seconds = (
        settings.LIVE_WORD_EXPIRES_AFTER_SECONDS
        if can_be_read(kind)
        else settings.HEARD_WORD_EXPIRES_AFTER_SECONDS
    )
    return timedelta(seconds=seconds)


def is_stale(now: datetime) -> Q:
    """SQL twin of accounts.words.status.is_fresh, for rows with `fresh` (see querysets)."""
    read = timedelta(seconds=settings.LIVE_WORD_EXPIRES_AFTER_SECONDS)
    heard = timedelta(seconds=settings.HEARD_WORD_EXPIRES_AFTER_SECONDS)
    is_read = Q(gateway__kind__in=read_kinds())
    return is_read & _outside(now, read) | ~is_read & _outside(now, heard)


def _outside(now: datetime, lives: timedelta) -> Q:
    return Q(fresh__lte=now - lives) | Q(fresh__gt=now + lives)
