"""Instruction for a human: the one act that can work, or nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from accounts.explain.shown_status import code_of
from accounts.models import Account, Gateway, Repair
from accounts.words.reasons import (
    NOTHING,
    SCAN,
    TRANSIENT_HOLD_SECONDS,
    Instruction,
    ReasonMeaning,
    meaning,
    waiting,
)
from accounts.words.status import LIVE, LOST, Status, Wanted
from accounts.words.step_codes import RESTARTS, StepCode
from gateways.base import Reason
from gateways.registry import KINDS, capabilities_of

OBSERVED = "Observe mode: Rollcall will not repair this."
UNLESS_IT_RETURNS = "If its gateway does not reconnect it, restart the session."
RESTART = "Restart the session; if that fails, scan again."
CREATE = "Create the session again at its gateway, with the same name, and scan its QR code."
KEEP_ONE = 'Decide which one keeps it: press "Keep this account" on the page of the one that stays.'
# Instruction for these statuses if the reason is vague.
_ASKS_FOR = {
    Status.LOGGED_OUT: SCAN,
    Status.BLOCKED: "Open WhatsApp on the phone and follow what it says.",
    Status.FAILED: RESTART,
}
# Statuses from which Rollcall restarts a session by itself, unless something prevents it.
REPAIRED = frozenset({Status.DISCONNECTED, Status.UNRESPONSIVE})

# Work that is already under way, by the state of the repair.
_AT_WORK = {
    Repair.State.WAITING: "its {work} is queued",
    Repair.State.RUNNING: "its {work} is running",
    Repair.State.UNCLEAR: "the result of its {work} is being checked",
}


def instruction_of(
    account: Account, shown: Status, now: datetime, *, at_work: str | None, has_twin: bool
) -> Instruction:
    """Return the instruction. `at_work`: the state of its open repair, if any. `has_twin`: another
    account should run with the same number."""
    if account.merged_into_id is not None or account.archived_at is not None:
        return NOTHING
    if shown in LIVE and account.wanted == Wanted.STOPPED and not at_work:
        return _unwanted(account.gateway)
    if shown is Status.QR_SCANNING and account.wanted == Wanted.RUNNING:
        is_asked = account.status_reason == Reason.PASSKEY_REQUIRED
        return Instruction(meaning(Reason.PASSKEY_REQUIRED).instruction if is_asked else SCAN)
    is_well = shown is Status.CONNECTED and account.wanted == Wanted.RUNNING
    if at_work and shown is not Status.UNKNOWN and not is_well:
        work = "restart" if account.wanted == Wanted.RUNNING else "stop"
        return waiting(_AT_WORK[Repair.State(at_work)].format(work=work))
    if is_well and has_twin:
        return Instruction(f"Another account runs with its number. {KEEP_ONE}")
    if shown is Status.CONNECTED or account.wanted == Wanted.STOPPED:
        return NOTHING
    planned = _planned(account, now) if shown in REPAIRED else None
    if planned is not None:
        return planned
    why = meaning(code_of(account, shown, now))
    instruction = _by_reason(account, shown, why, now)
    is_observed = account.gateway.mode == Gateway.Mode.OBSERVE and why.repairable
    if not is_observed:
        return instruction
    if not instruction.needs_human:
        return replace(instruction, text=f"{OBSERVED} {UNLESS_IT_RETURNS}")
    return replace(instruction, text=f"{instruction.text} {OBSERVED}")


def _planned(account: Account, now: datetime) -> Instruction | None:
    """Return the instruction of the planned repair step, which is more exact than the reason of the
    loss."""
    step = account.next_step
    code = step.code if step else None
    if code in RESTARTS:
        return waiting("Rollcall restarts it automatically")
    if code is StepCode.AWAITS_LIST and now < heals_until(account):
        return waiting("the next check decides whether Rollcall restarts it")
    if code is StepCode.SAME_NUMBER:
        return Instruction(f"{KEEP_ONE} Do not restart both: they would fight.")
    if code is StepCode.BROWSER_LEFT_OVER:
        return meaning(Reason.BROWSER_LEFT_OVER).asks
    if code is StepCode.UNCLAIMED_SESSION:
        return Instruction(
            "An unclaimed session may be this account's. If so, take it over; else restart."
        )
    return None


def heals_until(account: Account) -> datetime:
    """Return until when no human is asked about a loss that may recover by itself."""
    return account.status_since + timedelta(seconds=TRANSIENT_HOLD_SECONDS)


def pausing_kinds() -> list[str]:
    """Return the kinds of gateway that can stop a session without deleting its login, all of them
    or some."""
    known = {name: kind.capabilities for name, kind in KINDS.items()}
    keeping = (True, None)
    return sorted(
        kind for kind, can in known.items() if can.can_stop and can.stop_keeps_login in keeping
    )


def _unwanted(gateway: Gateway) -> Instruction:
    """Return who stops a session that runs but should be stopped, and what that costs."""
    if gateway.kind not in pausing_kinds():
        return Instruction(
            "Running, but should be stopped. Its gateway cannot stop it without deleting the "
            'login: press "Unlink session" (it then needs a new scan), or "Keep running".'
        )
    if gateway.mode == Gateway.Mode.ACT:
        return waiting("Rollcall stops it within minutes; it stays linked")
    return Instruction(
        'Running, but should be stopped: press "Pause session" (it stays linked), or "Keep '
        f'running". {OBSERVED}'
    )


def _by_reason(account: Account, shown: Status, why: ReasonMeaning, now: datetime) -> Instruction:
    """Return the instruction of the reason, unless the status needs a stronger one."""
    if shown is Status.STOPPED:
        return Instruction(RESTART) if account.wanted == Wanted.RUNNING else NOTHING
    if why.repairable and shown in _ASKS_FOR:
        return Instruction(_ASKS_FOR[shown])
    if account.status_reason == Reason.MISSING and shown in LOST:
        can = capabilities_of(account.gateway.kind)
        return Instruction(CREATE) if can.starts_only_what_it_has else why.asks
    if why.repairable and not why.needs_human and shown in LOST and now >= heals_until(account):
        return Instruction(f"It has not recovered. {RESTART}")
    return why.asks
