"""Sentences of planned steps, made only here for pages, command line and API."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.conf import settings

from accounts.explain.shown_status import age
from accounts.models import Repair
from accounts.words.reasons import STARTS_WHAT_IT_HAS
from accounts.words.step_codes import MOST_TRIES, RESTARTS, UNDER_WAY, PlannedStep, StepCode
from gateways.wire.untrusted import printable

NAMED = 5
_ORDINALS = {1: "1st", 2: "2nd", 3: "3rd"}
_AFTER_QUARANTINE = "one more try after its quarantine"

_HELD: dict[StepCode, str] = {
    StepCode.CONFLICT: "another client runs this number, and Rollcall does not fight over it",
    StepCode.BROWSER_LEFT_OVER: (
        "a browser left behind at its gateway holds its profile, and each start would fail"
    ),
    StepCode.CANNOT_START: "Rollcall cannot start a session at this kind of gateway",
    StepCode.MUST_BE_CREATED: f"its gateway has no such session, and {STARTS_WHAT_IT_HAS}",
    StepCode.GATEWAY_MUST_RESTART: "no call to its gateway helps: restart the gateway",
    StepCode.OBSERVED: "its gateway is in observe mode",
    StepCode.MAINTENANCE: "its gateway is under maintenance",
    StepCode.SELF_CHECK: "no gateway can be read: the fault may be our own",
    StepCode.GATEWAY_BLIND: "its gateway cannot be read",
    StepCode.GATEWAY_UNREAD: "its gateway has not been read yet",
    StepCode.LIST_OVERDUE: "its gateway has shown no complete list lately",
    StepCode.BOOTING: "its gateway has just started, and brings its sessions back by itself",
    StepCode.MASS_LOSS: ("half of its gateway's sessions vanished at once: being confirmed"),
}


def step_text(step: PlannedStep, at: datetime | None, now: datetime) -> str:
    """Return what is planned and when it is due; `at` None: it has no time of its own."""
    if step.code in RESTARTS:
        return _restart(step, _due(at, now))
    if step.code in UNDER_WAY:
        return _under_way(step)
    if step.code is StepCode.QUARANTINE_LIFTED:
        return f"{_said(step.actor)} lifted its quarantine"
    if step.code is StepCode.UNRECOGNISED:
        return "another version of Rollcall has planned its repair"
    if step.code is StepCode.AWAITS_LIST:
        every = settings.ROLL_CALL_EVERY_SECONDS
        return f"not restarted yet: waiting for the next check (at most {every} s)"
    return f"not restarted: {held_text(step)}"


def try_text(step: PlannedStep) -> str:
    """Return the number of the restart in words."""
    if step.try_number is None:
        return _AFTER_QUARANTINE
    return f"{_ORDINALS.get(step.try_number, f'{step.try_number}th')} of {MOST_TRIES} tries"


def held_text(step: PlannedStep) -> str:
    """Return why no restart begins until something else changes."""
    if step.code is StepCode.SAME_NUMBER:
        return f"it has the same number as {_others(step)}: keep one of them first"
    if step.code is StepCode.UNCLAIMED_SESSION:
        session = _said(step.session_id)
        return f"its gateway holds session {session}, which nobody claims and may be its own"
    if step.code is StepCode.PAUSED:
        why = _said(step.why) or "an operator must resume it"
        return f"automatic repair is paused there: {why}"
    return _HELD[step.code]


def _restart(step: PlannedStep, due: str) -> str:
    match step.code:
        case StepCode.RESTART_IN_TURN:
            return f"restart, in its turn ({try_text(step)})"
        case StepCode.RESTART_AFTER_OWN_RETRY:
            return f"restart{due} (until then its gateway may reconnect it by itself)"
        case StepCode.RESTART_AFTER_OPERATOR:
            return f"restart{due} (an operator has just acted on it)"
        case StepCode.RESTART_UNLESS_CLAIMED:
            return (
                f"restart{due}, unless you take over or stop session {_said(step.session_id)}: "
                "nobody claims it, and it may be this account's or another's"
            )
        case StepCode.RESTART_AFTER_QUARANTINE:
            return f"restart{due} ({_AFTER_QUARANTINE})"
    return f"restart{due} ({try_text(step)})"


def _due(at: datetime | None, now: datetime) -> str:
    if at is None:
        return ""
    return f" in {age(now, at)}" if at > now else " due now"


def _under_way(step: PlannedStep) -> str:
    if step.code is StepCode.OUTCOME_READ:
        return "the outcome of its last restart is being read"
    asker = dict(Repair.Asker.choices).get(step.asked_by, "somebody")
    if step.code is StepCode.REPAIR_WAITS:
        return f"a restart that {asker} asked for waits for its turn"
    return f"a restart that {asker} asked for is under way"


def _others(step: PlannedStep) -> str:
    accounts = [f"account {pk}" for pk in step.accounts]
    sessions = [f"session {_said(one)}, which nobody claims" for one in step.sessions]
    return _listed([*accounts, *sessions])


def _listed(named: Sequence[str]) -> str:
    more = [f"{len(named) - NAMED} more"] if len(named) > NAMED else []
    return " and ".join([*named[:NAMED], *more])


def _said(text: str) -> str:
    """Make text of a person or a gateway printable, up to the length that a row can hold."""
    return printable(text, limit=500)
