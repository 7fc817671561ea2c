"""Decide whether, when and why Rollcall starts a session by itself. Pure: values in, values out,
the clock and the chance passed in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from accounts.models import Repair
from accounts.words.durations import backoff
from accounts.words.reasons import meaning
from accounts.words.status import Status
from accounts.words.step_codes import MOST_TRIES, PlannedStep, StepCode
from gateways.base import Capabilities, Reason, Step

# Statuses that a start can cure. `failed` means that repair gave up; it is tried again after its
# quarantine.
LOST = frozenset({Status.DISCONNECTED, Status.UNRESPONSIVE})
FIRST_BACKOFF = timedelta(seconds=5)
BACKOFF_GROWS = 6  # 5 s, 30 s, 3 min, 15 min
LONGEST_BACKOFF = timedelta(minutes=15)
# A session that stays connected this long has recovered: earlier attempts no longer count.
STABLE = timedelta(seconds=60)
A_HUMAN_ACTS = timedelta(seconds=60)
# Time for an operator to decide whose an unclaimed session is, if it may belong to several lost
# accounts.
UNDECIDED = timedelta(minutes=10)
MOST_STRIKES = MOST_TRIES
FIRST_QUARANTINE = timedelta(hours=1)
LONGEST_QUARANTINE = timedelta(days=1)

# Losses that the gateway itself noticed and may be repairing.
NOTICED = frozenset(
    {
        *(Reason.NONE, Reason.AUTHENTICATED, Reason.RECONNECTING, Reason.NAVIGATION),
        *(Reason.NETWORK, Reason.SESSION_ERROR, Reason.LISTED, Reason.CLAIMED),
        Reason.UNRECOGNISED,
    }
)
# The gateway's own retry is over, or there is none.
_GIVEN_UP = frozenset({Reason.GATEWAY_GAVE_UP, Reason.RESTORE_FAILED, Reason.REPAIR_GAVE_UP})
# A retry this short is always waited for: we cannot tell whether the gateway has noticed.
_SHORT_RETRY = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """Circumstances at the account's gateway.

    `acts`: Rollcall may act there. `hidden`: why nothing is judged there now (unreachable, booting,
    …), None if it is. `is_paused`: its automatic repair is paused, and `paused_why` is the reason
    shown to people.
    """

    acts: bool = True
    hidden: StepCode | None = None
    is_paused: bool = False
    paused_why: str = ""
    capabilities: Capabilities


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Attempts on the account since it was last stable, or a person last released it.

    `strikes`: Rollcall's own attempts that ended without lasting success. `attempts`: the same with
    cancelled ones. `open_state`, `open_by`: the attempt that is not over yet, and who asked for it.
    `human_at`: when a person last acted on it. `refused_for`: why its gateway refused the last one.
    """

    strikes: int = 0
    attempts: int = 0
    ended_at: datetime | None = None
    open_state: str = ""
    open_by: str = ""
    human_at: datetime | None = None
    refused_for: Reason = Reason.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Account as far as its repair needs it.

    `lost_to`: the reason of its loss, also after repair gave up. `twin_accounts`, `twin_sessions`:
    others that run with its number. `elsewhere`: its gateway may hold it under another session.
    `undecided`: a session there that may be its own or another's, and since when an operator may
    decide. `noticed_at`: when the gateway itself noticed this loss, whatever else was found since.
    """

    status: Status
    reason: Reason
    lost_to: Reason
    since: datetime
    wanted: bool
    place: Conditions
    history: History
    twin_accounts: tuple[int, ...] = ()
    twin_sessions: tuple[str, ...] = ()
    elsewhere: PlannedStep | None = None
    undecided: str = ""
    undecided_since: datetime | None = None
    noticed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Repairing:
    """Start now, with these steps."""

    steps: tuple[Step, ...]
    next_step: PlannedStep


@dataclass(frozen=True, slots=True)
class WaitToStart:
    """Start not before `until`."""

    until: datetime
    next_step: PlannedStep


@dataclass(frozen=True, slots=True)
class Hold:
    """Start nothing until something else changes."""

    next_step: PlannedStep


@dataclass(frozen=True, slots=True)
class UnderWay(Hold):
    """An attempt is not over yet."""


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Repair gave up; one more try after `until`."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Nothing:
    """No repair is needed.

    `is_stable`: earlier attempts no longer count. `is_over`: the account is not Rollcall's to
    repair any more (recovered, or a human must act).
    """

    is_stable: bool = False
    is_over: bool = True


Decision = Repairing | WaitToStart | Hold | Quarantine | Nothing


def decide(case: Case, now: datetime, chance: float) -> Decision:
    """Decide what to do about an account. `chance` in 0 … 1 is its jitter, the same until the next
    try."""
    if not _is_ours(case):
        return _left_alone(case, now)
    if case.history.open_state:
        return UnderWay(_under_way(case.history))
    if (held := _held(case)) is not None:
        return Hold(held)
    steps = case.place.capabilities.steps(case.lost_to)
    if not steps:
        return Hold(PlannedStep(code=_no_ladder(case)))
    if case.history.strikes >= MOST_STRIKES:
        until = quarantined_until(case.history, now)
        if until > now:
            return Quarantine(until)
    in_turn = PlannedStep(code=StepCode.RESTART_IN_TURN, try_number=_try_number(case))
    return _in_time(case, now, chance) or Repairing(steps, in_turn)


def quarantined_until(history: History, now: datetime) -> datetime:
    """Return the end of the quarantine: an hour after the third strike, doubled with each further
    one, at most a day."""
    doublings = min(history.strikes - MOST_STRIKES, 10)
    lasts: timedelta = min(FIRST_QUARANTINE * 2**doublings, LONGEST_QUARANTINE)
    return (history.ended_at or now) + lasts


def still_quarantined(case: Case, now: datetime) -> datetime | None:
    """Return until when an account that repair gave up on is left alone, whatever else holds it."""
    if case.status is not Status.FAILED or case.history.strikes < MOST_STRIKES:
        return None
    until = quarantined_until(case.history, now)
    return until if until > now else None


def repair_backoff(attempts: int, chance: float) -> timedelta:
    """Return the wait before the next restart, with full jitter: from nothing up to the limit."""
    return backoff(
        attempts + 1,
        chance=chance,
        first=FIRST_BACKOFF,
        longest=LONGEST_BACKOFF,
        growth=BACKOFF_GROWS,
        least=0,
    )


def _is_ours(case: Case) -> bool:
    if not case.wanted:
        return False
    if case.status is Status.FAILED:
        return case.reason is Reason.REPAIR_GAVE_UP
    # Rollcall does not repair a conflict or end a browser, but reports both.
    is_reported = _is_conflict(case) or is_left_over(case)
    return case.status in LOST and (meaning(case.reason).repairable or is_reported)


def is_left_over(case: Case) -> bool:
    """Return True if a browser of an earlier run holds its profile, so that each start fails."""
    return Reason.BROWSER_LEFT_OVER in (case.reason, case.history.refused_for)


def _is_conflict(case: Case) -> bool:
    return case.lost_to is Reason.REPLACED


def _left_alone(case: Case, now: datetime) -> Nothing:
    """Return no repair. The count stands while the account cannot be seen or is connecting."""
    if case.status is Status.CONNECTED:
        return Nothing(is_stable=now - case.since >= STABLE)
    is_passing = case.status in (Status.UNKNOWN, Status.CONNECTING)
    return Nothing(is_over=not (case.wanted and is_passing))


def _held(case: Case) -> PlannedStep | None:
    """Return why no start begins until that changes; None if nothing prevents it."""
    place = case.place
    if _is_conflict(case):
        return PlannedStep(code=StepCode.CONFLICT)
    if is_left_over(case):
        return PlannedStep(code=StepCode.BROWSER_LEFT_OVER)
    if not place.acts:
        return PlannedStep(code=StepCode.OBSERVED)
    if case.twin_accounts or case.twin_sessions:
        return PlannedStep(
            code=StepCode.SAME_NUMBER, accounts=case.twin_accounts, sessions=case.twin_sessions
        )
    if case.elsewhere is not None:
        return case.elsewhere
    if place.hidden is not None:
        return PlannedStep(code=place.hidden)
    if place.is_paused:
        return PlannedStep(code=StepCode.PAUSED, why=place.paused_why)
    return None


def _under_way(history: History) -> PlannedStep:
    if history.open_state == Repair.State.UNCLEAR:
        return PlannedStep(code=StepCode.OUTCOME_READ)
    is_waiting = history.open_state == Repair.State.WAITING
    code = StepCode.REPAIR_WAITS if is_waiting else StepCode.REPAIR_RUNS
    return PlannedStep(code=code, asked_by=history.open_by)


def _no_ladder(case: Case) -> StepCode:
    if case.lost_to is Reason.PAGE_GONE:
        return StepCode.GATEWAY_MUST_RESTART
    if case.lost_to is Reason.MISSING and case.place.capabilities.starts_only_what_it_has:
        return StepCode.MUST_BE_CREATED
    return StepCode.CANNOT_START


def _in_time(case: Case, now: datetime, chance: float) -> WaitToStart | None:
    """Return the latest of the times that must pass. A time in the future is ignored: a clock was
    set back since."""
    history = case.history
    tried = repair_backoff(history.attempts, chance)
    waits = [
        (*_own_retry(case), StepCode.RESTART_AFTER_OWN_RETRY),
        (history.human_at, A_HUMAN_ACTS, StepCode.RESTART_AFTER_OPERATOR),
        (_counts_from(case), tried, StepCode.RESTART_AFTER_BACKOFF),
        (case.undecided_since, UNDECIDED, StepCode.RESTART_UNLESS_CLAIMED),
    ]
    known = [(at, lasts, code) for at, lasts, code in waits if at is not None and at <= now]
    ahead = [(at + lasts, code) for at, lasts, code in known if now < at + lasts]
    if not ahead:
        return None
    until, code = max(ahead, key=lambda wait: wait[0])
    return WaitToStart(until, _waited_for(case, code))


def _waited_for(case: Case, code: StepCode) -> PlannedStep:
    is_unclaimed = code is StepCode.RESTART_UNLESS_CLAIMED
    session_id = case.undecided if is_unclaimed else ""
    return PlannedStep(code=code, try_number=_try_number(case), session_id=session_id)


def _counts_from(case: Case) -> datetime:
    """Return the time of the loss, or the end of the last attempt. Giving up is neither."""
    ended_at = case.history.ended_at or case.since
    return ended_at if case.status is Status.FAILED else max(case.since, ended_at)


def _own_retry(case: Case) -> tuple[datetime | None, timedelta]:
    """Return since when, and for how long, the gateway's own attempts may continue."""
    retry = timedelta(seconds=case.place.capabilities.own_retry_seconds)
    if case.status is Status.FAILED or case.lost_to in _GIVEN_UP or _is_lifted(case):
        return None, timedelta(0)
    if case.lost_to in NOTICED or retry <= _SHORT_RETRY:
        return case.since, retry
    # A killed browser, or a page that hangs, does not end the gateway's attempts. A dropped session
    # does.
    return (None if case.lost_to is Reason.MISSING else case.noticed_at), retry


def _is_lifted(case: Case) -> bool:
    """Return True if a person released a session that repair had given up on, long after its loss.
    An operator who reports a session as disconnected has acted since the loss."""
    human_at = case.history.human_at
    return case.reason is Reason.OPERATOR and (human_at is None or human_at < case.since)


def _try_number(case: Case) -> int | None:
    """Return 1 for the first try; None for the one after a quarantine."""
    strikes = case.history.strikes
    return strikes + 1 if strikes < MOST_STRIKES else None
