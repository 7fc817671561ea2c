"""What a human must do: one instruction that can work, or nothing."""

from __future__ import annotations

from datetime import datetime, timedelta

from accounts.models import Account, Gateway
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


def human_of(account: Account, shown: Status, now: datetime) -> str:
    if account.merged_into_id is not None or account.archived_at is not None:
        return NOTHING
    if shown in LIVE and account.wanted == Wanted.STOPPED:
        return "It runs although it is wanted stopped: stop it, or want it running."
    if shown is Status.CONNECTED or account.wanted == Wanted.STOPPED:
        return NOTHING
    if shown is Status.QR_SCANNING:
        return SCAN
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
