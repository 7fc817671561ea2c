"""What a human must do: one instruction that can work, or nothing."""

from __future__ import annotations

from datetime import datetime, timedelta

from accounts.explain.shown_status import MAY_BE_ITS_OWN, NEXT_LIST, RESTARTS, SAME_NUMBER, code_of
from accounts.models import Account, Gateway, Repair
from accounts.words.reasons import NOTHING, SCAN, TRANSIENT_HOLD_SECONDS, Meaning, meaning
from accounts.words.status import LIVE, LOST, Status, Wanted
from gateways.base import Reason
from gateways.registry import CLIENTS, capabilities_of

RESTART = "Restart the session; if that fails, scan again."
CREATE = "Create the session at its gateway anew, by the same name, and scan its code."
KEEP_ONE = 'Decide which one keeps it: press "Keep this one" on the page of the one that stays.'
# What these need whatever a vague reason says.
_ASKS_FOR = {
    Status.LOGGED_OUT: SCAN,
    Status.BLOCKED: "Open WhatsApp on the phone and follow what it says.",
    Status.FAILED: RESTART,
}
# From these Rollcall restarts a session by itself, unless something stands against it.
REPAIRED = frozenset({Status.DISCONNECTED, Status.UNRESPONSIVE})

# What is done for a person already, by the state of its repair.
_AT_WORK = {
    Repair.State.WAITING: "Nothing: its {work} waits for its turn.",
    Repair.State.RUNNING: "Nothing: its {work} is under way.",
    Repair.State.UNCLEAR: "Nothing: what came of its {work} is being read.",
}


def human_of(
    account: Account, shown: Status, now: datetime, *, at_work: str | None, has_twin: bool
) -> str:
    """`at_work`: the state of its open repair, where it has one. `has_twin`: another account is
    wanted running with its number."""
    if account.merged_into_id is not None or account.archived_at is not None:
        return NOTHING
    if shown in LIVE and account.wanted == Wanted.STOPPED and not at_work:
        return _unwanted(account.gateway)
    if shown is Status.QR_SCANNING and account.wanted == Wanted.RUNNING:
        is_asked = account.status_reason == Reason.PASSKEY_REQUIRED
        return meaning(Reason.PASSKEY_REQUIRED).instruction if is_asked else SCAN
    is_well = shown is Status.CONNECTED and account.wanted == Wanted.RUNNING
    if at_work and shown is not Status.UNKNOWN and not is_well:
        work = "restart" if account.wanted == Wanted.RUNNING else "stop"
        return _AT_WORK[Repair.State(at_work)].format(work=work)
    if is_well and has_twin:
        return f"Another account runs with its number. {KEEP_ONE}"
    if shown is Status.CONNECTED or account.wanted == Wanted.STOPPED:
        return NOTHING
    if planned := _planned(account, shown, now):
        return planned
    why = meaning(code_of(account, shown, now))
    instruction = _instruction(account, shown, why, now)
    observed = account.gateway.mode == Gateway.Mode.OBSERVE and why.repairable
    return f"{instruction} (The gateway is only observed.)" if observed else instruction


def _planned(account: Account, shown: Status, now: datetime) -> str:
    """What repair has noted says more than the reason of the loss does."""
    if shown not in REPAIRED:
        return ""
    if account.next_step.startswith(RESTARTS):
        return "Nothing: Rollcall restarts it by itself."
    if NEXT_LIST in account.next_step and now < heals_until(account):
        return "Nothing: its gateway's next list decides whether Rollcall restarts it."
    if SAME_NUMBER in account.next_step:
        return f"{KEEP_ONE} Do not restart both: they would fight."
    if MAY_BE_ITS_OWN in account.next_step:
        return (
            "Look whether the session that nobody claims is its own: take it over if it is, "
            "restart this one if not."
        )
    return ""


def heals_until(account: Account) -> datetime:
    """For so long nobody is asked for what may come back by itself."""
    return account.status_since + timedelta(seconds=TRANSIENT_HOLD_SECONDS)


def pausing_kinds() -> list[str]:
    """Kinds of gateway that stop a session without deleting its login."""
    known = {kind: client.capabilities for kind, client in CLIENTS.items()}
    return sorted(kind for kind, can in known.items() if can.can_stop and can.stop_keeps_login)


def _unwanted(gateway: Gateway) -> str:
    """It runs although it is wanted stopped: who stops it, and what that costs."""
    if gateway.kind not in pausing_kinds():
        return (
            "It runs although it is wanted stopped, and its gateway cannot stop it without "
            "deleting the login: unlink it (it needs a new scan then), or want it running."
        )
    if gateway.mode == Gateway.Mode.ACT:
        return "Nothing: Rollcall stops it within minutes, and it stays linked."
    return (
        "It runs although it is wanted stopped: pause it (it stays linked), or want it running. "
        "(The gateway is only observed.)"
    )


def _instruction(account: Account, shown: Status, why: Meaning, now: datetime) -> str:
    """The one of its reason, unless the status asks for more than the reason does."""
    if shown is Status.STOPPED:
        return RESTART if account.wanted == Wanted.RUNNING else NOTHING
    if why.repairable and shown in _ASKS_FOR:
        return _ASKS_FOR[shown]
    if account.status_reason == Reason.MISSING and shown in LOST:
        can = capabilities_of(account.gateway.kind)
        return CREATE if can.starts_only_what_it_has else why.instruction
    if why.repairable and why.instruction.startswith("Nothing") and shown in LOST:
        is_soon = now < heals_until(account)
        return why.instruction if is_soon else f"It has not healed by itself. {RESTART}"
    return why.instruction
