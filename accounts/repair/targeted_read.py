"""The targeted read: one read of one session, because a claim is not a fact."""

from __future__ import annotations

import logging
import random
from datetime import datetime, timedelta

from django.db.models import F, Q, QuerySet

from accounts.models import Account, Gateway
from accounts.models.gateways import client_of
from accounts.repair import queue
from accounts.state import maintenance
from accounts.state.observations import Outcome, observation_of_read
from accounts.state.observe import observe
from accounts.store import clock
from accounts.store.database import release_connection
from accounts.store.enqueue import enqueue_task
from accounts.words.status import Status, Wanted
from gateways.base import GatewayError, Session, TimedOut
from gateways.registry import capabilities_of

logger = logging.getLogger(__name__)
DEADLINE_SECONDS = 5.0
HEALTH_SECONDS = 3.0
SILENT = "its page gives no answer"
# Jitter below this is not a reboot: reading the uptime takes time.
BOOT_MOVED = timedelta(seconds=5)
# For a loss that a webhook claimed: by the first limit its task has run, and after the second a
# roll call has looked, or cannot.
ANSWERED_WITHIN = timedelta(seconds=2)
LOOKED_AT_WITHIN = timedelta(minutes=10)
READS_REQUESTED_AT_ONCE = 20
# A read at a gateway that does not answer blocks a thread for its whole deadline.
BLIND_ASKED_AT_ONCE = 4
_LOSSES = (Status.DISCONNECTED, Status.LOGGED_OUT, Status.BLOCKED)


def confirm(gateway_id: int, session_id: str, *, before_start: bool = False) -> Outcome | None:
    """Read the session and observe the result.

    None: the session belongs to no account, the gateway could not be read, or absence means nothing
    just now (then the roll call decides). `before_start`: the caller is about to start the session
    and has requested nothing yet.
    """
    gateway = Gateway.objects.filter(pk=gateway_id, accounts__session_id=session_id).first()
    if gateway is None:
        return None
    started = clock.database_now()
    try:
        session = read(gateway, session_id)
        has_booted = session is None and _has_just_booted(gateway, started)
    except GatewayError as error:
        logger.warning("session %s of %s was not read: %s", session_id, gateway, error)
        return None
    is_starting = not before_start and session_id in queue.starting(gateway_id, started)
    # It may not have restored the session yet, or a start of ours is under way.
    means_nothing = has_booted or is_starting or gateway.boot_seen_at is not None
    is_held = means_nothing or maintenance.is_under_maintenance(gateway.pk, started)
    if session is None and is_held and _is_wanted(gateway, session_id):
        return None
    is_cached = capabilities_of(gateway.kind).status_is_cached
    seen = observation_of_read(gateway_id, session_id, session, started, is_cached=is_cached)
    outcome = observe([seen])[0]
    if gateway.blind_since is not None:
        _request_reads(_unread_losses(started).filter(gateway=gateway), at_most=2)
    return outcome


def _is_wanted(gateway: Gateway, session_id: str) -> bool:
    """Return True if the session should run. Absence of any other session is what people want."""
    accounts = Account.objects.filter(gateway=gateway, session_id=session_id)
    return accounts.filter(wanted=Wanted.RUNNING).exists()


def _has_just_booted(gateway: Gateway, started: datetime) -> bool:
    """Return True for a boot that no roll call has noticed yet. Raises GatewayError."""
    if gateway.booted_at is None:
        return False
    with client_of(gateway) as client:
        uptime = client.health(deadline_seconds=HEALTH_SECONDS).uptime_seconds
    return (
        uptime is not None and uptime < (started - gateway.booted_at - BOOT_MOVED).total_seconds()
    )


def read(gateway: Gateway, session_id: str) -> Session | None:
    """Return the session as the gateway shows it; None: it definitely has no such session.

    If it gives no answer about the session, and still answers otherwise, then the session's page
    is silent: a Session without a state. Raises GatewayError. Holds no database connection
    meanwhile.
    """
    with client_of(gateway) as client:
        release_connection()
        try:
            return client.read_session(session_id, deadline_seconds=DEADLINE_SECONDS)
        except TimedOut:
            client.health(deadline_seconds=HEALTH_SECONDS)
            return Session(session_id=session_id, state=None, raw_state=SILENT, answered=False)


def request_lost_reads() -> None:
    """Request a read for every loss that a webhook claimed and nobody has read since.

    Its task was lost (Redis was down, a worker died); without this a wrong report would stand until
    the next roll call. At a gateway that cannot be read only one is tried: if it answers, that read
    requests the others.
    """
    unread = _unread_losses(clock.database_now())
    _request_reads(
        unread.filter(gateway__blind_since__isnull=True), at_most=READS_REQUESTED_AT_ONCE
    )
    blind = Gateway.objects.filter(blind_since__isnull=False, accounts__in=unread).distinct()
    for gateway in random.sample(found := list(blind), min(len(found), BLIND_ASKED_AT_ONCE)):
        _request_reads(unread.filter(gateway=gateway), at_most=1)


def _request_reads(unread: QuerySet[Account], *, at_most: int) -> None:
    """Request the reads in random order, so that sessions that cannot be read do not block the
    others."""
    sessions = unread.order_by("?").values_list("gateway_id", "session_id")
    for gateway_id, session_id in sessions[:at_most]:
        enqueue_task("accounts.tasks.confirm_session", gateway_id, str(session_id))


def _unread_losses(now: datetime) -> QuerySet[Account]:
    """Select losses without a later read. They are few, found by the index on the status and its
    age; older ones have been read."""
    not_listed_since = Q(gateway__listed_at__isnull=True) | Q(
        gateway__listed_at__lt=F("status_since")
    )
    return Account.objects.filter(
        not_listed_since,
        status__in=_LOSSES,
        status_since__gt=now - LOOKED_AT_WITHIN,
        status_since__lte=now - ANSWERED_WITHIN,
        webhook_at=F("status_since"),
        observed_at=F("status_since"),
        session_id__isnull=False,
    )
