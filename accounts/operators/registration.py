"""Register which number of which workspace runs on which session, as people say it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from accounts.models import Account, Gateway, Workspace
from accounts.repair.obstacles import refuse_merged
from accounts.state.observations import Observation
from accounts.state.observe import observe
from accounts.store import clock
from accounts.store.announce import announce
from accounts.store.enqueue import enqueue_task
from accounts.words.phone_numbers import is_other_number, spellings
from accounts.words.refusals import Refused
from accounts.words.status import Source, Status, Wanted
from gateways.base import Reason

# `accounts` imports nothing above it: modules above add themselves here at startup.
after_registration: list[Callable[[int, str], None]] = []
"""Called with (gateway id, session id) once the registration is committed."""

# Reason for a status that an operator sets without one.
_REASONS_OF_WORDS = {
    Status.DISCONNECTED: Reason.OPERATOR,
    Status.LOGGED_OUT: Reason.UNLINKED,
    Status.PENDING: Reason.NOT_LINKED_YET,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    workspace: Workspace
    gateway: Gateway
    session_id: str
    phone_number: str | None
    status: Status | None
    actor: str


def register(
    *,
    workspace: Workspace,
    gateway: Gateway,
    session_id: str,
    phone_number: str | None = None,
    status: Status | None = None,
    wanted: Wanted | None = None,
    actor: str,
) -> tuple[Account, bool]:
    """Return the account of a number (else of a session), and True if it was created.

    The same call changes nothing. Another session of a known number is a take-over. `status`: what
    the operator says it is, an observation like any other, which the next roll call checks. Without
    it the session is read at once. Raises Refused.
    """
    account, made = _register_once(
        _Said(
            workspace=workspace,
            gateway=gateway,
            session_id=session_id,
            phone_number=phone_number,
            status=status,
            actor=actor,
        )
    )
    if account.archived_at is not None:
        wanted = wanted or Wanted.RUNNING  # a number that is added again should run again
        Account.objects.filter(pk=account.pk).update(archived_at=None)
    if wanted is not None and account.wanted != wanted:
        Account.objects.filter(pk=account.pk).update(wanted=wanted, updated_at=Now())
    announce(accounts=[account.pk])
    if status is None:
        enqueue_task("accounts.tasks.confirm_session", gateway.pk, session_id)
    for hook in after_registration:
        hook(gateway.pk, session_id)
    account.refresh_from_db()
    return account, made


def _register_once(said: _Said) -> tuple[Account, bool]:
    """Register under a lock on the workspace: of two calls for the same number, the second finds
    what the first has created. A session that two workspaces want is a unique violation."""
    for attempt in (1, 2):
        try:
            with transaction.atomic():
                Workspace.objects.select_for_update(no_key=True).get(pk=said.workspace.pk)
                account, made = _find_or_create(said)
                if _is_new(account, said):
                    _observe(account, said)
                return account, made
        except IntegrityError:
            if attempt == 2:
                raise
    raise AssertionError("unreachable")


def _is_new(account: Account, said: _Said) -> bool:
    past = account.superseded_sessions.filter(gateway=said.gateway, session_id=said.session_id)
    if past.exists():
        return False  # an earlier session of this very account: the same call changes nothing
    same_session = (account.gateway_id, account.session_id) == (said.gateway.pk, said.session_id)
    new_number = said.phone_number is not None and account.phone_number is None
    return said.status is not None or new_number or not same_session


def _find_or_create(said: _Said) -> tuple[Account, bool]:
    by_number = (
        Account.objects.filter(
            workspace=said.workspace, phone_number__in=spellings(said.phone_number)
        ).first()
        if said.phone_number
        else None
    )
    by_session = Account.objects.filter(gateway=said.gateway, session_id=said.session_id).first()
    past = Account.objects.filter(
        superseded_sessions__gateway=said.gateway, superseded_sessions__session_id=said.session_id
    ).first()
    for account in (by_session, past):
        _refuse_if_taken(account, said)
    found = by_number or by_session or past
    if found is not None:
        return found, False
    account = Account.objects.create(
        workspace=said.workspace,
        gateway=said.gateway,
        session_id=said.session_id,
        phone_number=said.phone_number,
        status_reason=Reason.NOT_LINKED_YET,
    )
    return account, True


def _refuse_if_taken(account: Account | None, said: _Said) -> None:
    if account is None:
        return
    if account.workspace_id != said.workspace.pk:
        raise Refused(
            f"this session belongs to account {account.pk} of workspace {account.workspace_id}"
        )
    if is_other_number(said.phone_number, account.phone_number):
        raise Refused(
            f"this session belongs to account {account.pk}, whose number is "
            f"{account.phone_number}: a session has one number"
        )


def _observe(account: Account, said: _Said) -> None:
    status = said.status
    observe(
        [
            Observation(
                gateway_id=said.gateway.pk,
                session_id=said.session_id,
                status=status,
                reason=_REASONS_OF_WORDS.get(status, Reason.NONE) if status else Reason.NONE,
                phone_number=said.phone_number,
                workspace_id=account.workspace_id,
                observed_at=clock.database_now(),
                source=Source.REGISTRATION,
                actor=said.actor,
            )
        ]
    )


def adopt(account: Account, session_id: str, *, gateway: Gateway, actor: str) -> Account:
    """Put the account on another session: an unclaimed one, or the other of a duplicate.

    The old session is superseded. Raises Refused.
    """
    refuse_merged(account)
    if account.phone_number is None:
        raise Refused("it has no number yet: add the session as an account of its own")
    return register(
        workspace=account.workspace,
        gateway=gateway,
        session_id=session_id,
        phone_number=account.phone_number,
        wanted=Wanted.RUNNING,
        actor=actor,
    )[0]
