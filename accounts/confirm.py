"""The targeted read: one look at one session, because a claim is not a fact."""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import connection

from accounts import clock
from accounts.models import Gateway
from accounts.observations import Observation, Outcome
from accounts.reach import client_of
from accounts.status import Source, Status
from accounts.transitions import observe
from gateways.base import GatewayError, Reason, Session

logger = logging.getLogger(__name__)
DEADLINE_SECONDS = 5.0


def confirm(gateway_id: int, session_id: str) -> Outcome | None:
    """Read the session and observe what is there. None: it is nobody's, or the gateway could not
    be read (then the roll call decides)."""
    gateway = Gateway.objects.filter(pk=gateway_id, accounts__session_id=session_id).first()
    if gateway is None:
        return None
    started = clock.database_now()
    try:
        session = read(gateway, session_id)
    except GatewayError as error:
        logger.warning("session %s of %s was not read: %s", session_id, gateway, error)
        return None
    return observe([as_observation(gateway_id, session_id, session, started)])[0]


def read(gateway: Gateway, session_id: str) -> Session | None:
    """The session as the gateway shows it; None: it definitely has no such session.

    Raises GatewayError. Holds no database connection meanwhile."""
    with client_of(gateway) as client:
        if not connection.in_atomic_block:
            connection.close()
        return client.read_session(session_id, deadline_seconds=DEADLINE_SECONDS)


def as_observation(
    gateway_id: int, session_id: str, session: Session | None, started: datetime
) -> Observation:
    """What a targeted read that began at `started` says."""
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
        observed_at=started,
        source=Source.READ,
    )
