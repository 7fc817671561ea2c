"""Unusual silence of an account, compared with its own usual gap. Silence is not a failure: it only
decides which account is checked sooner."""

from __future__ import annotations

from datetime import datetime, timedelta

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
