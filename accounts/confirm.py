"""The targeted read: one look at one session, because a claim is not a fact."""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import connection

from accounts import clock, maintenance
from accounts.models import Account, Gateway
from accounts.observations import Observation, Outcome
from accounts.reach import client_of
from accounts.status import Source, Status, Wanted
from accounts.transitions import observe
from gateways.base import GatewayError, Reason, Session
from gateways.registry import capabilities_of

logger = logging.getLogger(__name__)
DEADLINE_SECONDS = 5.0


def confirm(gateway_id: int, session_id: str) -> Outcome | None:
    """Read the session and observe what is there. None: it is nobody's, the gateway could not be
    read, or its absence means nothing just now (then the roll call decides)."""
    gateway = Gateway.objects.filter(pk=gateway_id, accounts__session_id=session_id).first()
    if gateway is None:
        return None
    started = clock.database_now()
    try:
        session = read(gateway, session_id)
    except GatewayError as error:
        logger.warning("session %s of %s was not read: %s", session_id, gateway, error)
        return None
    if session is None and _absence_means_nothing(gateway, session_id, started):
        return None
    is_cached = capabilities_of(gateway.kind).status_is_cached
    seen = as_observation(gateway_id, session_id, session, started, is_cached=is_cached)
    return observe([seen])[0]


def _absence_means_nothing(gateway: Gateway, session_id: str, now: datetime) -> bool:
    """It has not restored the session yet, or somebody works on it. Of what is wanted stopped,
    absence is what people want."""
    wanted = Account.objects.filter(gateway=gateway, session_id=session_id, wanted=Wanted.RUNNING)
    is_held = maintenance.is_under_maintenance(gateway.pk, now)
    return (is_held or gateway.boot_seen_at is not None) and wanted.exists()


def read(gateway: Gateway, session_id: str) -> Session | None:
    """The session as the gateway shows it; None: it definitely has no such session.

    Raises GatewayError. Holds no database connection meanwhile."""
    with client_of(gateway) as client:
        if not connection.in_atomic_block:
            connection.close()
        return client.read_session(session_id, deadline_seconds=DEADLINE_SECONDS)


def as_observation(
    gateway_id: int,
    session_id: str,
    session: Session | None,
    started: datetime,
    *,
    is_cached: bool,
) -> Observation:
    """What a targeted read that began at `started` says. `is_cached`: see Observation."""
    if session is None:
        return Observation(
            gateway_id=gateway_id,
            session_id=session_id,
            status=Status.DISCONNECTED,
            reason=Reason.MISSING,
            observed_at=started,
            source=Source.READ,
        )
    return Observation(
        gateway_id=gateway_id,
        session_id=session_id,
        status=Status(session.state) if session.state else None,
        reason=session.reason,
        raw=session.raw_state,
        phone_number=session.phone_number,
        workspace_id=session.workspace_id,
        connected_at=session.connected_at,
        is_cached=is_cached,
        observed_at=started,
        source=Source.READ,
    )
