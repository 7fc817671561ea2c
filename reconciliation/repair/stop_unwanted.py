"""Stop what runs but should be stopped, if its gateway can do that without deleting the login.
Otherwise it stays listed, for an operator to decide."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef

from accounts.explain.instruction import pausing_kinds
from accounts.models import Account, Repair
from accounts.models.gateways import client_of
from accounts.store import clock
from accounts.store.database import release_connection
from accounts.store.enqueue import enqueue_task
from accounts.words.status import LIVE, Wanted
from gateways.base import GatewayError, Step, Unreachable
from reconciliation.models import Finding
from reconciliation.repair.cases import Site

logger = logging.getLogger(__name__)

# An operator who stops it, or starts it again, comes first.
FOUND_FOR = timedelta(seconds=60)
TRIED_EVERY = timedelta(minutes=5)
MOST_AT_A_GATEWAY = 2
MOST_AT_ONCE = 20
DEADLINE_SECONDS = 20.0
LEASE = timedelta(seconds=3 * DEADLINE_SECONDS)


def enqueue_unwanted(known: dict[int, Site], now: datetime) -> None:
    """Start one task for each session to stop now; a few at a time."""
    may = [pk for pk, site in known.items() if site.place.acts and not site.place.hidden]
    enqueued: Counter[int] = Counter()
    for pk, gateway_id in _unwanted(may, now):
        if enqueued[gateway_id] < MOST_AT_A_GATEWAY and enqueued.total() < MOST_AT_ONCE:
            enqueued[gateway_id] += 1
            enqueue_task("reconciliation.tasks.stop_unwanted", pk)


def stop_unwanted(account_id: int) -> None:
    """Read the session, then stop it if it exists. The attempt is a row, like every other."""
    account = Account.objects.select_related("gateway").filter(pk=account_id).first()
    if account is None or not _is_unwanted(account):
        return
    attempt = _begin(account, clock.database_now())
    if attempt is None:
        return
    try:
        state, outcome = _stop(account)
    except GatewayError as error:
        logger.warning("session %s was not stopped: %s", account.session_id, error)
        unclear = isinstance(error, Unreachable)
        state, outcome = Repair.State.FAILED, f"{error}; {'it is read' if unclear else 'it runs'}"
    _end(attempt, state, outcome)
    enqueue_task("accounts.tasks.confirm_session", account.gateway_id, str(account.session_id))


def _unwanted(gateways: list[int], now: datetime) -> list[tuple[int, int]]:
    """Return (account, gateway) of those that lists have shown running for a while."""
    found = Finding.objects.filter(
        account_id=OuterRef("pk"),
        kind=Finding.Kind.UNWANTED,
        ended_at__isnull=True,
        first_seen_at__lte=now - FOUND_FOR,
    )
    attempts = Repair.objects.filter(account_id=OuterRef("pk"))
    tried = attempts.filter(asked_at__gt=now - TRIED_EVERY, asked_at__lte=now)
    rows = (
        Account.objects.filter(
            Exists(found),
            ~Exists(tried),
            wanted=Wanted.STOPPED,
            status__in=sorted(LIVE),
            gateway_id__in=gateways,
            gateway__kind__in=pausing_kinds(),
            session_id__isnull=False,
        )
        .order_by("status_since", "pk")
        .values_list("pk", "gateway_id")
    )
    return list(rows)


def _is_unwanted(account: Account) -> bool:
    """Return True if it should still be stopped: people may have changed their mind meanwhile."""
    is_ours = account.wanted == Wanted.STOPPED and account.session_id is not None
    acts = account.gateway.mode == account.gateway.Mode.ACT
    return is_ours and acts and account.gateway.kind in pausing_kinds()


def _begin(account: Account, now: datetime) -> Repair | None:
    """Return the new attempt. None: another one is under way."""
    try:
        with transaction.atomic():
            return Repair.objects.create(
                account=account,
                gateway=account.gateway,
                session_id=str(account.session_id),
                asked_by=Repair.Asker.ROLLCALL,
                actor="rollcall",
                reason=account.status_reason,
                why="running, but should be stopped",
                steps=[Step.STOP],
                state=Repair.State.RUNNING,
                asked_at=now,
                started_at=now,
                lease_until=now + LEASE,
            )
    except IntegrityError:
        return None


def _stop(account: Account) -> tuple[Repair.State, str]:
    """Stop the session. Raises GatewayError."""
    session_id = str(account.session_id)
    with client_of(account.gateway) as client:
        release_connection()
        if client.read_session(session_id, deadline_seconds=DEADLINE_SECONDS) is None:
            return Repair.State.CANCELLED, "its gateway holds no such session"
        if not client.keeps_login(deadline_seconds=DEADLINE_SECONDS):
            return Repair.State.CANCELLED, "it might lose its login: a person decides"
        client.stop_session(
            session_id, workspace_id=account.workspace_id, deadline_seconds=DEADLINE_SECONDS
        )
    return Repair.State.SUCCEEDED, "stopped; it stays linked"


def _end(attempt: Repair, state: Repair.State, outcome: str) -> None:
    running = Repair.objects.filter(pk=attempt.pk, state=Repair.State.RUNNING)
    running.update(
        state=state, outcome=outcome[:500], finished_at=clock.database_now(), lease_until=None
    )
