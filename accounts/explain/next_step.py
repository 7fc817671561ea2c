"""The next automatic step, and when it is due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from accounts.explain.shown_status import age, roll_calls_keep
from accounts.explain.step_text import step_text
from accounts.models import Account
from accounts.state import maintenance, probes
from accounts.words.durations import can_be_read, word_lives
from accounts.words.status import LIVE, Status, Wanted
from gateways.base import Reason

# How long reconciliation.rollcall.absent holds a mass loss.
LISTS_AGREE_FOR = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class NextStep:
    """Next automatic step. `at`: when it is due, if it has a time."""

    words: str
    at: datetime | None = None


def next_step_of(account: Account, shown: Status, now: datetime) -> NextStep:
    """Return the next step. Makes two queries: the next probe, and whether its gateway is under
    maintenance."""
    if account.merged_into_id is not None:
        has_it = f"account {account.merged_into_id} has its number and session now"
        return NextStep(f"nothing: {has_it}")
    if account.archived_at is not None:
        return NextStep("nothing: it is archived; registering its number again brings it back")
    began = account.gateway.run_started_at
    if began is None or began + roll_calls_keep() <= now:
        return NextStep("nothing: no roll call is running; check worker, scheduler and Redis")
    read = _next_read(account, began, now)
    if not can_be_read(account.gateway.kind):
        read = _only_heard(account, shown, now)
    decides = _what_a_read_decides(account, shown, now)
    words = "; ".join(filter(None, (read.words, decides, _next_probe(account, shown, now))))
    return _planned(account, NextStep(words, read.at), now)


def _planned(account: Account, read: NextStep, now: datetime) -> NextStep:
    """Put the planned repair step first. Under maintenance nothing is done."""
    until = maintenance.maintained_until(now).get(account.gateway_id)
    if until is not None:
        ends = maintenance.said(until, now)
        why = (
            f"gateway {account.gateway.name} is under maintenance until {ends}: nothing is repaired"
        )
        return NextStep(f"{why}; {read.words}", read.at)
    step, at = account.next_step, account.next_step_at
    if step is None:
        return read
    return NextStep(f"{step_text(step, at, now)}; {read.words}", at or read.at)


def _next_read(account: Account, began: datetime, now: datetime) -> NextStep:
    every = settings.ROLL_CALL_EVERY_SECONDS
    at = max(now, began + timedelta(seconds=every))
    due = max(0, every - int((now - began).total_seconds()))
    words = f"gateway {account.gateway.name} is read every {every} s, next in {due} s"
    return NextStep(words, at)


def _next_probe(account: Account, shown: Status, now: datetime) -> str:
    """Return when the live client of a connected account is probed, and what an answer decides."""
    if shown is not Status.CONNECTED:
        return ""
    at = probes.due_at(account.pk, now)
    if at is None:
        return ""
    due = f"in {age(now, at)}" if at > now else "now"
    if not account.probe_failures:
        return f"its live client is probed {due}"
    failures = f"{account.probe_failures + 1} of {probes.FAILURES}"
    return (
        f"its live client is probed again {due} ({failures}: it becomes unresponsive after these)"
    )


def _only_heard(account: Account, shown: Status, now: datetime) -> NextStep:
    words = f"gateway {account.gateway.name} cannot be read: only its webhooks count"
    if shown not in LIVE:
        return NextStep(words)
    expires = (account.fresh_at or now) + word_lives(account.gateway.kind)
    unless = f"unless one reports it, it becomes unknown in {age(now, expires)}"
    return NextStep(f"{words}; {unless}", expires)


def _what_a_read_decides(account: Account, shown: Status, now: datetime) -> str:
    if not can_be_read(account.gateway.kind):
        return ""
    if shown in LIVE:
        expires = (account.fresh_at or now) + roll_calls_keep()
        return f"unless a read shows it again, it becomes unknown in {age(now, expires)}"
    if account.gateway.blind_since is not None:
        return "as soon as it answers, the status is decided again"
    if account.status_reason == Reason.MASS_LOSS_UNCONFIRMED:
        return _of_a_held_loss(account, now)
    if shown is Status.UNKNOWN:
        return "what that read shows counts at once"
    if account.wanted == Wanted.STOPPED:
        return "a live session there is shown as running, but should be stopped"
    return "a live session there changes the status at once"


def _of_a_held_loss(account: Account, now: datetime) -> str:
    """Return what ends the hold of a mass loss. Messages that still arrive contradict its gateway's
    lists."""
    heard = account.last_proof
    if heard is not None and heard.at + LISTS_AGREE_FOR > now:
        return f"it sent data {age(heard.at, now)} ago, so it is not marked as lost"
    return (
        "once its lists have agreed for 60 s it is read, and if it is gone it becomes disconnected"
    )
