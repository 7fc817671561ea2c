"""What happens next by itself, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from accounts import maintenance
from accounts.models import Account
from accounts.status import LIVE, Status, Wanted
from accounts.why.words import age, live_words_keep
from gateways.base import Reason


@dataclass(frozen=True, slots=True)
class NextStep:
    """`at`: when it is due, where something is."""

    words: str
    at: datetime | None = None


def next_step_of(account: Account, shown: Status, now: datetime) -> NextStep:
    """Asks the database once, whether its gateway is under maintenance."""
    if account.merged_into_id is not None:
        has_it = f"account {account.merged_into_id} has its number and session now"
        return NextStep(f"nothing: {has_it}")
    if account.archived_at is not None:
        return NextStep("nothing: it is archived; adding its number again brings it back")
    began = account.gateway.run_started_at
    if began is None or began + live_words_keep() <= now:
        return NextStep("nothing: no roll call is running; look at worker, scheduler and Redis")
    read = _next_read(account, began, now)
    decides = _what_a_read_decides(account, shown, now)
    read = NextStep(f"{read.words}; {decides}", read.at)
    return _planned(account, read, now)


def _planned(account: Account, read: NextStep, now: datetime) -> NextStep:
    """What repair has planned comes first; under maintenance nothing is done."""
    until = maintenance.maintained_until(now).get(account.gateway_id)
    if until is not None:
        ends = maintenance.said(until, now)
        why = f"{account.gateway.name} is under maintenance until {ends}: it is only read"
        return NextStep(f"{why}; {read.words}", read.at)
    if not account.next_step:
        return read
    at = account.next_step_at
    if at is None:
        return NextStep(f"{account.next_step}; {read.words}", read.at)
    due = f"in {age(now, at)}" if at > now else "due now"
    what, bracket, why = account.next_step.partition(" (")
    planned = f"{what} {due}{bracket}{why}" if bracket else f"{what}, {due}"
    return NextStep(f"{planned}; {read.words}", at)


def _next_read(account: Account, began: datetime, now: datetime) -> NextStep:
    every = settings.ROLL_CALL_EVERY_SECONDS
    at = max(now, began + timedelta(seconds=every))
    due = max(0, every - int((now - began).total_seconds()))
    words = f"gateway {account.gateway.name} is read every {every} s, next in {due} s"
    return NextStep(words, at)


def _what_a_read_decides(account: Account, shown: Status, now: datetime) -> str:
    if shown in LIVE:
        expires = (account.fresh_at or now) + live_words_keep()
        return f"unless a read shows it again, it becomes unknown in {age(now, expires)}"
    if account.gateway.blind_since is not None:
        return "as soon as it answers, this is decided anew"
    if account.status_reason == Reason.MASS_LOSS_UNCONFIRMED:
        return "once its lists have agreed for 60 s it becomes disconnected"
    if shown is Status.UNKNOWN:
        return "what it shows there is believed at once"
    if account.wanted == Wanted.STOPPED:
        return "a live session there is noted as unwanted"
    return "a live session there changes this at once"
