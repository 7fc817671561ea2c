"""What operators do with an account: each verb calls the gateway if it must, then observes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now

from accounts import clock, hooks
from accounts.doorbell import ring
from accounts.models import Account, Gateway, Workspace
from accounts.observations import Observation, Outcome
from accounts.reach import client_of
from accounts.status import LOST, Source, Status, Wanted
from accounts.transitions import observe
from gateways.base import Reason

START_DEADLINE_SECONDS = 70.0  # the Node service answers once the browser is up: 15 to 60 s
STOP_DEADLINE_SECONDS = 20.0

# Why it is so, where an operator only says that it is.
_REASONS_OF_WORDS = {
    Status.DISCONNECTED: Reason.OPERATOR,
    Status.LOGGED_OUT: Reason.UNLINKED,
    Status.PENDING: Reason.NOT_LINKED_YET,
}


class Refused(Exception):
    """A verb that cannot be done: why, and what to do."""


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
    """The account of a number (else of a session), made if it is new; True when it was made.

    The same call changes nothing. Another session of a known number is a take-over. `status` is
    what the operator says it is: an observation like any other, which the next roll call checks.
    Without it the session is read at once. Raises Refused.
    """
    account, made = _register_once(workspace, gateway, session_id, phone_number, status, actor)
    if account.archived_at is not None:
        wanted = wanted or Wanted.RUNNING  # who adds a number again wants it again
        Account.objects.filter(pk=account.pk).update(archived_at=None)
    if wanted is not None and account.wanted != wanted:
        Account.objects.filter(pk=account.pk).update(wanted=wanted, updated_at=Now())
    if status is None:
        ring("accounts.tasks.confirm_session", gateway.pk, session_id)
    for hook in hooks.after_registration:
        hook(gateway.pk, session_id)
    account.refresh_from_db()
    return account, made


def _register_once(
    workspace: Workspace,
    gateway: Gateway,
    session_id: str,
    phone_number: str | None,
    status: Status | None,
    actor: str,
) -> tuple[Account, bool]:
    """Two that register the same number at once: the second finds what the first has made. One
    workspace registers one after the other; a session that two of them want is a violation."""
    for attempt in (1, 2):
        try:
            with transaction.atomic():
                Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)
                account, made = _find_or_create(workspace, gateway, session_id, phone_number)
                if _says_something_new(account, gateway, session_id, phone_number, status):
                    _say_registered(account, gateway, session_id, phone_number, status, actor)
                return account, made
        except IntegrityError:
            if attempt == 2:
                raise
    raise AssertionError("unreachable")


def _says_something_new(
    account: Account,
    gateway: Gateway,
    session_id: str,
    phone_number: str | None,
    status: Status | None,
) -> bool:
    if account.superseded_sessions.filter(gateway=gateway, session_id=session_id).exists():
        return False  # an earlier session of this very account: the same call changes nothing
    same_session = (account.gateway_id, account.session_id) == (gateway.pk, session_id)
    new_number = phone_number is not None and account.phone_number is None
    return status is not None or new_number or not same_session


def _find_or_create(
    workspace: Workspace, gateway: Gateway, session_id: str, phone_number: str | None
) -> tuple[Account, bool]:
    by_number = (
        Account.objects.filter(workspace=workspace, phone_number=phone_number).first()
        if phone_number
        else None
    )
    by_session = Account.objects.filter(gateway=gateway, session_id=session_id).first()
    past = Account.objects.filter(
        superseded_sessions__gateway=gateway, superseded_sessions__session_id=session_id
    ).first()
    for account in (by_session, past):
        _refuse_if_taken(account, workspace, phone_number)
    found = by_number or by_session or past
    if found is not None:
        return found, False
    account = Account.objects.create(
        workspace=workspace,
        gateway=gateway,
        session_id=session_id,
        phone_number=phone_number,
        status_reason=Reason.NOT_LINKED_YET,
    )
    return account, True


def _refuse_if_taken(
    account: Account | None, workspace: Workspace, phone_number: str | None
) -> None:
    if account is None:
        return
    if account.workspace_id != workspace.pk:
        raise Refused(
            f"this session belongs to account {account.pk} of workspace {account.workspace_id}"
        )
    if None not in (phone_number, account.phone_number) and account.phone_number != phone_number:
        raise Refused(
            f"this session belongs to account {account.pk}, whose number is "
            f"{account.phone_number}: a session has one number"
        )


def _say_registered(
    account: Account,
    gateway: Gateway,
    session_id: str,
    phone_number: str | None,
    status: Status | None,
    actor: str,
) -> None:
    observe(
        [
            Observation(
                gateway_id=gateway.pk,
                session_id=session_id,
                status=status,
                reason=_REASONS_OF_WORDS.get(status, Reason.NONE) if status else Reason.NONE,
                phone_number=phone_number,
                workspace_id=account.workspace_id,
                observed_at=clock.database_now(),
                source=Source.REGISTRATION,
                actor=actor,
            )
        ]
    )


def want(account: Account, wanted: Wanted, *, actor: str) -> None:
    """What people want. An account that is already gone becomes `stopped` at once. Raises
    Refused."""
    _refuse_merged(account)
    if wanted is Wanted.RUNNING and account.archived_at is not None:
        raise Refused("it is archived: register the number again first")
    Account.objects.filter(pk=account.pk).update(wanted=wanted, updated_at=Now())
    account.refresh_from_db()
    if account.session_id is None:
        return
    if wanted is Wanted.STOPPED and account.status in LOST | {Status.PENDING}:
        _say(account, Status.DISCONNECTED, Reason.OPERATOR, actor=actor)
    elif wanted is Wanted.RUNNING:
        ring("accounts.tasks.confirm_session", account.gateway_id, account.session_id)


def mark_disconnected(account: Account, *, why: str, actor: str) -> Outcome:
    """A person says that it is gone; the next read may say otherwise."""
    return _say(account, Status.DISCONNECTED, Reason.OPERATOR, raw=why, actor=actor)


def archive(account: Account, *, actor: str) -> None:
    """A person removes it: hidden and not wanted any more, never deleted. Adding the number again
    revives it. Raises Refused."""
    want(account, Wanted.STOPPED, actor=actor)
    not_yet = Account.objects.filter(pk=account.pk, archived_at__isnull=True)
    not_yet.update(archived_at=Now(), updated_at=Now())
    account.refresh_from_db()


def adopt(account: Account, session_id: str, *, gateway: Gateway, actor: str) -> Account:
    """Put the account on another session: an unclaimed one, or the other of a duplicate.

    The one it had is superseded. Raises Refused."""
    _refuse_merged(account)
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


def restart(account: Account, *, actor: str) -> None:
    """Ask the gateway to start the session's browser again; the login is kept.

    Raises Refused, or GatewayError. A timeout means that the outcome is unknown: it is read."""
    session_id = _session_of(account)
    if account.wanted != Wanted.RUNNING:
        raise Refused("it is wanted stopped: want it running first")
    with _reading_afterwards(account), client_of(account.gateway) as client:
        _release_connection()
        client.restart_session(
            session_id,
            workspace_id=account.workspace_id,
            account_id=account.pk,
            deadline_seconds=START_DEADLINE_SECONDS,
        )


def stop(account: Account, *, actor: str) -> None:
    """Switch its session off, at a human's word only: where the gateway cannot stop without
    deleting the login, a new scan is needed afterwards. It is read first, because stopping what is
    not there would delete a login as well (observed on the Node service).

    Raises Refused, or GatewayError."""
    session_id = _session_of(account)
    want(account, Wanted.STOPPED, actor=actor)
    with _reading_afterwards(account), client_of(account.gateway) as client:
        _release_connection()
        if client.read_session(session_id, deadline_seconds=STOP_DEADLINE_SECONDS) is not None:
            client.stop_session(
                session_id,
                workspace_id=account.workspace_id,
                deadline_seconds=STOP_DEADLINE_SECONDS,
            )


@contextmanager
def _reading_afterwards(account: Account) -> Iterator[None]:
    """Whatever the gateway answers, and even if it does not, the session is read."""
    try:
        yield
    finally:
        ring("accounts.tasks.confirm_session", account.gateway_id, _session_of(account))


def _refuse_merged(account: Account) -> None:
    if account.merged_into_id is not None:
        raise Refused(f"it was merged into account {account.merged_into_id}: act there")


def _session_of(account: Account) -> str:
    _refuse_merged(account)
    if account.session_id is None:
        raise Refused("it has no session")
    return account.session_id


def _release_connection() -> None:
    if not connection.in_atomic_block:
        connection.close()


def _say(account: Account, status: Status, reason: Reason, *, actor: str, raw: str = "") -> Outcome:
    return observe(
        [
            Observation(
                gateway_id=account.gateway_id,
                session_id=_session_of(account),
                status=status,
                reason=reason,
                raw=raw,
                observed_at=clock.database_now(),
                source=Source.OPERATOR,
                actor=actor,
            )
        ]
    )[0]
