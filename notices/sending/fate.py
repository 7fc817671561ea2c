"""What becomes of a delivery that is due, and when a failed one is tried again. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from accounts.incidents.alert_rules import MOST_ATTEMPTS as MOST_LETTERS
from accounts.incidents.alert_rules import Cancel, Send, WaitToTell, retry_delay
from notices.models import Delivery, Severity, Subscription
from notices.wording.moments import zone

What = Delivery.What
State = Delivery.State

# The schedule of Standard Webhooks: 75 h 35 min in all, without the jitter.
WEBHOOK_RETRIES = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
)
JITTER = 0.1
LONGEST_RETRY_AFTER = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """`lost`: state of the delivery that told this subscription of the loss."""

    what: str
    is_held: bool
    severity: str
    is_closed: bool
    is_acknowledged: bool
    is_on: bool
    is_quiet_until: datetime | None
    lost: str | None = None
    lost_is_in_this_message: bool = False


def fate(known: Known, now: datetime) -> Send | WaitToTell | Cancel:
    """Decide about a delivery that is due."""
    if known.what == What.TEST:
        return Send()
    if not known.is_on:
        return Cancel("switched off, or left")
    if known.what == What.BACK:
        return _of_recovery(known, now)
    if known.what in (What.MORE, What.REMINDER):
        if known.is_closed:
            return Cancel("it is over")
        if known.is_acknowledged:
            return Cancel("somebody acknowledged it")
        if known.lost != State.SENT:
            return Cancel("its beginning says it")
    if known.is_closed and known.is_held:
        return Cancel("it was over before the quiet hours were")
    return _unless_quiet(known)


def _unless_quiet(known: Known) -> Send | WaitToTell:
    """Hold what can wait. Judged again when the quiet hours end."""
    is_urgent = known.severity == Severity.CRITICAL
    if known.is_quiet_until is None or is_urgent:
        return Send()
    return WaitToTell(known.is_quiet_until)


def _of_recovery(known: Known, now: datetime) -> Send | WaitToTell | Cancel:
    if known.lost in (None, State.CANCELLED, State.DEAD):
        return Cancel("its beginning was not told")
    if known.lost == State.SENT or known.lost_is_in_this_message:
        return _unless_quiet(known)
    return WaitToTell(now + timedelta(seconds=5))


def quiet_until(subscription: Subscription, now: datetime, *, time_zone: str) -> datetime | None:
    """Return when the quiet hours that it is now end; None if there are none now. They are wall
    clock time of the recipient, and may go past midnight."""
    start, end = subscription.quiet_from, subscription.quiet_until
    if start is None or end is None or start == end:
        return None
    local = now.astimezone(zone(time_zone))
    if not _between(local.time(), start, end):
        return None
    day = local.date() if local.time() < end else local.date() + timedelta(days=1)
    until = datetime.combine(day, end, tzinfo=local.tzinfo)
    return until if until > now else now + timedelta(minutes=1)


def _between(at: time, start: time, end: time) -> bool:
    return start <= at < end if start < end else at >= start or at < end


def next_attempt(
    kind: str, attempts: int, *, chance: float, retry_after: timedelta | None = None
) -> timedelta | None:
    """Return the delay after `attempts` failed attempts; None: it is given up. `chance` is from 0
    to 1. `retry_after`: what the receiver asked for."""
    if kind != Subscription.Kind.WEBHOOK:
        return None if attempts >= MOST_LETTERS else retry_delay(attempts, chance=chance)
    if attempts > len(WEBHOOK_RETRIES):
        return None
    delay = WEBHOOK_RETRIES[attempts - 1] * (1 + JITTER * chance)
    asked = min(retry_after or timedelta(0), LONGEST_RETRY_AFTER)
    return max(delay, asked)
