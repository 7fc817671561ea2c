"""How long: a status is believed, a silence is usual, the next attempt waits.

A gateway that can be read is listed three times a minute. From a gateway that cannot be read only
its own webhooks arrive, and no webhooks is not a loss. Silence is not a failure either: it only
decides which account is checked sooner.
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


# --- silence of an account ------------------------------------------------------------------------
# Assumed for an account whose usual gap is not known yet: a quiet one.
GAP_UNKNOWN_SECONDS = 3600.0
UNUSUAL_TIMES = 4
UNUSUAL_LEAST = timedelta(minutes=10)
UNUSUAL_MOST = timedelta(hours=24)

# SQL twin of `next_look_at`. `sign`: last sign of life of the account; `looked`: its last check. A
# test compares the two.
NEXT_LOOK_SQL = """
    sign + LEAST(GREATEST(COALESCE(usual_gap_seconds, {unknown}) * {times}, {least}), {most})
         * POWER(2, CASE WHEN looked IS NULL OR looked <= sign THEN 0 ELSE GREATEST(0, FLOOR(LN(
               GREATEST(EXTRACT(EPOCH FROM looked - sign), 0.001)
               / LEAST(GREATEST(COALESCE(usual_gap_seconds, {unknown}) * {times}, {least}), {most})
           ) / LN(2)) + 1) END) * interval '1 second'
""".format(
    unknown=GAP_UNKNOWN_SECONDS,
    times=UNUSUAL_TIMES,
    least=UNUSUAL_LEAST.total_seconds(),
    most=UNUSUAL_MOST.total_seconds(),
)


def unusual_after(usual_gap_seconds: float | None) -> timedelta:
    """Return how long an account may be silent before that is unusual."""
    usual = GAP_UNKNOWN_SECONDS if usual_gap_seconds is None else usual_gap_seconds
    seconds = max(usual * UNUSUAL_TIMES, UNUSUAL_LEAST.total_seconds())
    return timedelta(seconds=min(seconds, UNUSUAL_MOST.total_seconds()))


def next_look_at(
    sign_at: datetime, usual_gap_seconds: float | None, looked_at: datetime | None
) -> datetime:
    """Return from when on an account is worth a check: once its silence is unusual, then each time
    that the silence has doubled. A night costs only a few checks."""
    wait = unusual_after(usual_gap_seconds)
    while looked_at is not None and sign_at + wait <= looked_at:
        wait *= 2
    return sign_at + wait


# --- the wait before the next attempt -------------------------------------------------------------
# Beyond this every limit is reached, and a power would only grow without bound.
MOST_STEPS = 10


def backoff(
    failed: int,
    *,
    chance: float,
    first: timedelta,
    longest: timedelta,
    growth: float = 2.0,
    least: float = 0.5,
) -> timedelta:
    """Return how long to wait after `failed` attempts (1 or more).

    The limit begins at `first` and grows by `growth` with each further failure, up to `longest`.
    The wait lies between `least` (a share of the limit: 0 is full jitter) and the whole of it,
    where `chance` in 0 … 1 says. Jitter keeps many from coming back at once.
    """
    limit = min(first * growth ** min(max(failed, 1) - 1, MOST_STEPS), longest)
    return limit * (least + (1 - least) * chance)
