"""What a human must do: one instruction that can work, or nothing."""

from __future__ import annotations

from datetime import datetime, timedelta

from accounts.models import Account, Gateway, Repair
from accounts.reasons import NOTHING, SCAN, TRANSIENT_HOLD_SECONDS, Meaning, meaning
from accounts.status import LIVE, LOST, Status, Wanted
from accounts.why.words import code_of

RESTART = "Restart the session; if that fails, scan again."
# What these need whatever a vague reason says.
_ASKS_FOR = {
    Status.LOGGED_OUT: SCAN,
    Status.BLOCKED: "Open WhatsApp on the phone and follow what it says.",
    Status.FAILED: RESTART,
}


# What is done for a person already, by the state of its repair.
_AT_WORK = {
    Repair.State.WAITING: "Nothing: its {work} waits for its turn.",
    Repair.State.RUNNING: "Nothing: its {work} is under way.",
    Repair.State.UNCLEAR: "Nothing: what came of its {work} is being read.",
}


def human_of(account: Account, shown: Status, now: datetime, *, at_work: str | None) -> str:
    """`at_work`: the state of its open repair, where it has one."""
    if account.merged_into_id is not None or account.archived_at is not None:
        return NOTHING
    if shown in LIVE and account.wanted == Wanted.STOPPED and not at_work:
        return "It runs although it is wanted stopped: stop it, or want it running."
    if shown is Status.QR_SCANNING and account.wanted == Wanted.RUNNING:
        return SCAN
    is_well = shown is Status.CONNECTED and account.wanted == Wanted.RUNNING
    if at_work and shown is not Status.UNKNOWN and not is_well:
        work = "restart" if account.wanted == Wanted.RUNNING else "stop"
        return _AT_WORK[Repair.State(at_work)].format(work=work)
    if shown is Status.CONNECTED or account.wanted == Wanted.STOPPED:
        return NOTHING
    why = meaning(code_of(account, shown, now))
    instruction = _instruction(account, shown, why, now)
    observed = account.gateway.mode == Gateway.Mode.OBSERVE and why.repairable
    return f"{instruction} (The gateway is only observed.)" if observed else instruction


def _instruction(account: Account, shown: Status, why: Meaning, now: datetime) -> str:
    """The one of its reason, unless the status asks for more than the reason does."""
    if shown is Status.STOPPED:
        return RESTART if account.wanted == Wanted.RUNNING else NOTHING
    if why.repairable and shown in _ASKS_FOR:
        return _ASKS_FOR[shown]
    if why.repairable and why.instruction.startswith("Nothing") and shown in LOST:
        heals_until = account.status_since + timedelta(seconds=TRANSIENT_HOLD_SECONDS)
        return why.instruction if now < heals_until else f"It has not healed by itself. {RESTART}"
    return why.instruction
