"""Actions of operators on an account: each calls the gateway if it must, then observes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from django.db.models import QuerySet
from django.db.models.functions import Now

from accounts.models import Account, Repair
from accounts.models.gateways import client_of
from accounts.repair.obstacles import cannot_pause, cannot_unlink, refuse_merged, session_of
from accounts.repair.repairs import ask, open_repair
from accounts.state.observations import Observation, Outcome
from accounts.state.observe import observe
from accounts.store import clock
from accounts.store.announce import announce
from accounts.store.database import release_connection
from accounts.store.enqueue import enqueue_task
from accounts.words.phone_numbers import spellings
from accounts.words.refusals import Refused
from accounts.words.status import LOST, Source, Status, Wanted
from gateways.base import Reason
from gateways.registry import capabilities_of

STOP_DEADLINE_SECONDS = 20.0


def want(account: Account, wanted: Wanted, *, actor: str) -> None:
    """Set what people want. An account that is already gone becomes `stopped` at once. Raises
    Refused."""
    refuse_merged(account)
    if wanted is Wanted.RUNNING and account.archived_at is not None:
        raise Refused("it is archived: register the number again first")
    Account.objects.filter(pk=account.pk).update(wanted=wanted, updated_at=Now())
    announce(accounts=[account.pk])
    account.refresh_from_db()
    if account.session_id is None:
        return
    if wanted is Wanted.STOPPED and account.status in LOST | {Status.PENDING}:
        _say(account, Status.DISCONNECTED, Reason.OPERATOR, actor=actor)
    elif wanted is Wanted.RUNNING:
        enqueue_task("accounts.tasks.confirm_session", account.gateway_id, account.session_id)


def mark_disconnected(account: Account, *, why: str, actor: str) -> Outcome:
    """Report, at an operator's word, that it is gone; the next read may say otherwise."""
    return _say(account, Status.DISCONNECTED, Reason.OPERATOR, raw=why, actor=actor)


def archive(account: Account, *, actor: str) -> None:
    """Hide the account and mark it as not wanted; it is never deleted. Adding the number again
    revives it. Raises Refused."""
    want(account, Wanted.STOPPED, actor=actor)
    not_yet = Account.objects.filter(pk=account.pk, archived_at__isnull=True)
    not_yet.update(archived_at=Now(), updated_at=Now())
    announce(accounts=[account.pk])
    account.refresh_from_db()


def restart(account: Account, *, actor: str, why: str = "") -> Repair:
    """Queue a restart of the session's browser; the login is kept.

    An operator's request goes before Rollcall's own repairs, but not beyond the limits. Raises
    Refused.
    """
    return ask(account, by=Repair.Asker.OPERATOR, actor=actor, why=why)


def pause(account: Account, *, actor: str) -> str:
    """Stop its session. It stays linked, and starts again without a scan. Return a notice for the
    operator, or "".

    Raises Refused or GatewayError.
    """
    _refuse(cannot_pause(account) or _is_starting(account) or _loses_login(account))
    return _switch_off(account, "stop_session", actor=actor)


def unlink(account: Account, *, actor: str) -> str:
    """Log its session out, only at a human's word: to run the number again somebody must scan a new
    QR code. Return a notice for the operator, or "".

    Raises Refused or GatewayError.
    """
    _refuse(cannot_unlink(account) or _is_starting(account))
    return _switch_off(account, "log_out_session", actor=actor)


def _switch_off(
    account: Account, call: Literal["stop_session", "log_out_session"], *, actor: str
) -> str:
    """Read the session, then stop it or log it out. A request for a session that does not exist
    might still delete its login (observed on the Node service)."""
    session_id = session_of(account)
    want(account, Wanted.STOPPED, actor=actor)
    with _reading_afterwards(account), client_of(account.gateway) as client:
        release_connection()
        if client.read_session(session_id, deadline_seconds=STOP_DEADLINE_SECONDS) is None:
            return f"{account}: its gateway holds no such session. It is kept stopped now"
        ask_it = client.stop_session if call == "stop_session" else client.log_out_session
        ask_it(
            session_id,
            workspace_id=account.workspace_id,
            deadline_seconds=STOP_DEADLINE_SECONDS,
        )
    return ""


def _loses_login(account: Account) -> str:
    """Return why its gateway would delete the login, where that must be asked; "" if it keeps it or
    does not say. Raises GatewayError."""
    if capabilities_of(account.gateway.kind).stop_keeps_login is not None:
        return ""
    with client_of(account.gateway) as client:
        release_connection()
        kept = client.keeps_login(deadline_seconds=STOP_DEADLINE_SECONDS)
    if kept is not False:
        return ""
    return "this gateway, as it runs, deletes the login of what it stops: unlink it instead"


def _is_starting(account: Account) -> str:
    """Return why a start prevents this; "" if none does. A start that may still happen would undo
    it."""
    repair = open_repair(account)
    if repair is None or repair.state == Repair.State.WAITING:
        return ""
    return "a start of it is under way: wait for its end, in up to three minutes"


def _refuse(refusal: str) -> None:
    if refusal:
        raise Refused(refusal)


@contextmanager
def _reading_afterwards(account: Account) -> Iterator[None]:
    """Request a read of the session afterwards, whether or not the gateway answers."""
    try:
        yield
    finally:
        enqueue_task("accounts.tasks.confirm_session", account.gateway_id, session_of(account))


def _say(account: Account, status: Status, reason: Reason, *, actor: str, raw: str = "") -> Outcome:
    return observe(
        [
            Observation(
                gateway_id=account.gateway_id,
                session_id=session_of(account),
                status=status,
                reason=reason,
                raw=raw,
                observed_at=clock.database_now(),
                source=Source.OPERATOR,
                actor=actor,
            )
        ]
    )[0]


def twins_of(account: Account) -> QuerySet[Account]:
    """Select the other accounts that should run with the same number, in any spelling and any
    workspace."""
    running = Account.objects.visible().filter(wanted=Wanted.RUNNING, session_id__isnull=False)
    others = running.exclude(pk=account.pk)
    number = account.phone_number
    return others.filter(phone_number__in=spellings(number)) if number else others.none()


def keep_this_one(account: Account, *, actor: str) -> list[Account]:
    """Mark the other accounts as wanted stopped, and return them. Raises Refused."""
    if account.wanted != Wanted.RUNNING:
        raise Refused("it is kept stopped: set it to keep running first")
    others = list(twins_of(account).order_by("pk"))
    if not others:
        raise Refused("no other account that should run has its number")
    for other in others:
        want(other, Wanted.STOPPED, actor=actor)
    return others
