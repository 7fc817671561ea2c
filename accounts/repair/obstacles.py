"""Obstacles to a start or to another action, as sentences. Pure: values in, a sentence out."""

from __future__ import annotations

from datetime import datetime

from accounts.models import Account, Gateway, Repair
from accounts.words.reasons import STARTS_WHAT_IT_HAS, meaning
from accounts.words.refusals import Refused
from accounts.words.status import Wanted
from gateways.base import Reason
from gateways.registry import capabilities_of

Asker = Repair.Asker


def obstacle(account: Account, by: str, now: datetime, *, maintained_until: datetime | None) -> str:
    """Return what prevents a start that `by` asks for; "" if nothing. Needs account.gateway."""
    return (
        _not_wanted(account)
        or _not_now(account, by, now, maintained_until)
        or (_not_by_itself(account) if by == Asker.ROLLCALL else "")
    )


def no_ladder(account: Account) -> str:
    """Return why no request to its gateway helps; "" if one does."""
    if capabilities_of(account.gateway.kind).steps(reason_of(account)):
        return ""
    if not capabilities_of(account.gateway.kind).ladder:
        return f"Rollcall cannot start a session at a gateway of kind {account.gateway.kind}"
    why = meaning(account.status_reason)
    if account.status_reason == Reason.MISSING:
        return f"{why.text}, and {STARTS_WHAT_IT_HAS}"
    return f"{why.text}: nothing that can be asked of its gateway helps. {why.instruction}"


def cannot_pause(account: Account) -> str:
    """Return why its session cannot be stopped and stay linked; "" if it can. Needs
    account.gateway."""
    kind = account.gateway.kind
    can = capabilities_of(kind)
    if can.can_stop and can.stop_keeps_login is not False:
        return no_session(account)
    if can.can_stop:
        return f"a gateway of kind {kind} deletes the login of what it stops: unlink it instead"
    return f"Rollcall cannot stop a session at a gateway of kind {kind}"


def cannot_unlink(account: Account) -> str:
    """Return why its session cannot be logged out; "" if it can. Needs account.gateway."""
    if capabilities_of(account.gateway.kind).can_log_out:
        return no_session(account)
    return f"Rollcall cannot log a session out at a gateway of kind {account.gateway.kind}"


def reason_of(account: Account) -> Reason:
    """Return the reason code of the account. A code of a newer version reads as unrecognised."""
    try:
        return Reason(account.status_reason)
    except ValueError:
        return Reason.UNRECOGNISED


def _not_wanted(account: Account) -> str:
    if why := gone(account):
        return why
    if account.wanted != Wanted.RUNNING:
        return "it is kept stopped: set it to keep running first"
    return no_session(account)


def gone(account: Account) -> str:
    """Return why nothing can be done with the account at all; "" if something can."""
    if account.merged_into_id is not None:
        return f"it was merged into account {account.merged_into_id}: act there"
    return "it is archived: register the number again first" if account.archived_at else ""


def no_session(account: Account) -> str:
    return gone(account) or ("" if account.session_id else "it has no session")


def _not_now(account: Account, by: str, now: datetime, maintained_until: datetime | None) -> str:
    if maintained_until is not None:
        return f"its gateway is under maintenance until {_time(maintained_until)}"
    quarantined = account.quarantined_until
    if by != Asker.OPERATOR and quarantined is not None and quarantined > now:
        return (
            f"it disconnected again after each restart, and is in quarantine until "
            f"{_time(quarantined)}; a member or an operator may lift that"
        )
    return ""


def _not_by_itself(account: Account) -> str:
    if account.gateway.mode == Gateway.Mode.OBSERVE:
        return "its gateway is in observe mode"
    if account.gateway.repair_paused_at is not None:
        return f"automatic repair is paused there: {account.gateway.repair_paused_why}"
    why = meaning(account.status_reason)
    if account.status_reason == Reason.REPAIR_GAVE_UP:
        return ""  # the quarantine sets the next try
    return "" if why.repairable else f"Rollcall cannot repair this. {why.instruction}"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def refuse_merged(account: Account) -> None:
    if account.merged_into_id is not None:
        raise Refused(f"it was merged into account {account.merged_into_id}: act there")


def session_of(account: Account) -> str:
    """Return the session id. Raises Refused."""
    refuse_merged(account)
    if account.session_id is None:
        raise Refused("it has no session")
    return account.session_id
