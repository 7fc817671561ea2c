"""What becomes of a number's loss: opened, held, told, ended. Pure: values in, values out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from accounts.words.reasons import TRANSIENT_HOLD_SECONDS, meaning
from accounts.words.status import CLAIMS, STICKY, Status, Wanted
from gateways.base import Reason
from notices.models import Loss, Severity

# A claim is confirmed by a read within 2 s. Without one it is told after this.
UNCONFIRMED = timedelta(seconds=8)
# Connected for this long is connected again; for one that comes and goes it takes longer.
STABLE = timedelta(seconds=60)
STABLE_AFTER_FLAPPING = timedelta(minutes=15)
# A number that is lost again within this after it was told as back is one that flaps.
AGAIN_WITHIN = timedelta(hours=1)
# While a gateway comes and goes, its numbers' clocks start again, up to this after the first drop.
LONGEST_HOLD = timedelta(minutes=15)
LOOK_AGAIN = timedelta(seconds=60)
LOOK_SOON = timedelta(seconds=5)

# Numbers lost together are told together: once none has followed for this long, or at the latest.
SETTLES = {Severity.CRITICAL: timedelta(seconds=2), Severity.WARNING: timedelta(seconds=10)}
SETTLED = {Severity.CRITICAL: timedelta(seconds=5), Severity.WARNING: timedelta(seconds=60)}

DOWN = frozenset(
    {
        *(Status.DISCONNECTED, Status.UNRESPONSIVE, Status.QR_SCANNING),
        *(Status.LOGGED_OUT, Status.BLOCKED, Status.FAILED),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of an account. `seen_from`: since when its gateway could be read without a
    break. `confirmed`: a read of our own says the same as the report."""

    account_id: int
    status: Status
    reason: str
    since: datetime
    is_wanted: bool
    was_connected: bool
    is_blind: bool
    seen_from: datetime | None = None
    source: str = ""
    confirmed: bool = True
    told_back_at: datetime | None = None

    @property
    def is_down(self) -> bool:
        return self.status in DOWN and hold(self.status, self.reason) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """State of a loss, as it is written."""

    account_id: int
    opened_at: datetime
    status: str
    reason: str
    due_at: datetime
    next_look_at: datetime
    loss_id: int | None = None
    up_since: datetime | None = None
    drops: int = 1
    is_again: bool = False
    told_at: datetime | None = None
    ended_at: datetime | None = None
    ending: str = ""
    is_due: bool = False

    @property
    def severity(self) -> Severity:
        return severity(self.status, self.reason)


def hold(status: str, reason: str) -> timedelta | None:
    """Return how long a notice is held; None: nobody is told, operators have an incident."""
    seconds = meaning(reason).hold_seconds
    if status in STICKY and seconds == TRANSIENT_HOLD_SECONDS:
        seconds = 0  # terminal, for whatever vague reason
    return None if seconds is None else timedelta(seconds=seconds)


def severity(status: str, reason: str) -> Severity:
    is_human = status in STICKY or not meaning(reason).repairable
    return Severity.CRITICAL if is_human else Severity.WARNING


def judge(facts: Facts, loss: Judged | None, now: datetime) -> Judged | None:
    """Return the loss as it is now; None if there is none. It comes back unchanged but for
    `is_due` and `next_look_at` where nothing happened."""
    if loss is None:
        starts = facts.is_down and facts.is_wanted and facts.was_connected
        return _timed(_opened(facts, now), facts, now) if starts else None
    if not facts.is_wanted:
        return _ended(loss, Loss.Ending.UNWANTED, now)
    if facts.status is Status.CONNECTED:
        return _up(loss, facts, now)
    if facts.is_down:
        return _timed(_down(loss, facts), facts, now)
    # Unknown, or being started: neither a loss nor the end of one.
    return replace(loss, next_look_at=now + LOOK_SOON, is_due=False)


def _opened(facts: Facts, now: datetime) -> Judged:
    since = min(facts.since, now)
    again = facts.told_back_at is not None and facts.told_back_at > now - AGAIN_WITHIN
    return Judged(
        account_id=facts.account_id,
        opened_at=since,
        status=facts.status,
        reason=facts.reason,
        due_at=since,
        next_look_at=now,
        is_again=again,
    )


def _down(loss: Judged, facts: Facts) -> Judged:
    fell = loss.up_since is not None
    return replace(
        loss,
        status=facts.status,
        reason=facts.reason,
        up_since=None,
        drops=min(loss.drops + fell, 30_000),
    )


def _timed(loss: Judged, facts: Facts, now: datetime) -> Judged:
    """Set when it may be told. The hold counts from the first drop, or from when its gateway could
    be read again."""
    held = hold(loss.status, loss.reason) or timedelta(0)
    due = loss.opened_at + held
    if facts.seen_from is not None and facts.seen_from > loss.opened_at:
        due = max(due, min(facts.seen_from + held, loss.opened_at + LONGEST_HOLD))
    if facts.source in CLAIMS and not facts.confirmed:
        due = max(due, facts.since + UNCONFIRMED)
    if loss.told_at is not None:
        return replace(loss, due_at=due, next_look_at=now + LOOK_AGAIN, is_due=False)
    is_due = due <= now and not facts.is_blind
    # What is due is judged at every tick until it is told.
    look_at = due if due > now else now + (LOOK_SOON if facts.is_blind else timedelta(0))
    return replace(loss, due_at=due, next_look_at=look_at, is_due=is_due)


def _up(loss: Judged, facts: Facts, now: datetime) -> Judged:
    since = loss.up_since or min(max(facts.since, loss.opened_at), now)
    stable_at = since + _stable_after(loss)
    up = replace(loss, up_since=since, is_due=False)
    if now < stable_at:
        return replace(up, next_look_at=stable_at)
    told = loss.told_at is not None
    return _ended(up, Loss.Ending.HEALED if told else Loss.Ending.HEALED_EARLY, now)


def _stable_after(loss: Judged) -> timedelta:
    if loss.told_at is None:
        return STABLE
    flaps = loss.drops > 1 or loss.is_again or loss.reason == Reason.REPLACED
    return STABLE_AFTER_FLAPPING if flaps else STABLE


def _ended(loss: Judged, ending: Loss.Ending, now: datetime) -> Judged:
    return replace(loss, ended_at=now, ending=ending, is_due=False, next_look_at=now)


def is_wanted(wanted: str, *, is_hidden: bool) -> bool:
    return wanted == Wanted.RUNNING and not is_hidden


def settled(due: Sequence[Judged], now: datetime) -> bool:
    """Return True if what is due may be told: more that is lost together has had time to come."""
    if not due:
        return False
    worst = max((loss.severity for loss in due), key=list(Severity).index)
    moments = [loss.due_at for loss in due if loss.severity is worst]
    return now >= max(moments) + SETTLES[worst] or now >= min(moments) + SETTLED[worst]
