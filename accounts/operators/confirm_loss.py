"""Confirm or dismiss a mass loss that waits for its lists to agree."""

from __future__ import annotations

from collections.abc import Collection

from accounts.incidents.incidents import close_incident
from accounts.models import Account, Gateway, Incident
from accounts.state.observations import Observation, Outcome
from accounts.state.observe import observe
from accounts.store import clock
from accounts.words.refusals import Refused
from accounts.words.status import Source, Status
from gateways.base import Reason

AWAITING = frozenset({Reason.MASS_LOSS_UNCONFIRMED})
CONFIRMABLE = AWAITING | {Reason.LOSS_DISMISSED}


def confirm_loss(gateway: Gateway, *, actor: str) -> list[Outcome]:
    """Mark the sessions as disconnected at once, also those whose loss was dismissed before.

    Raises Refused.
    """
    outcomes = _say(gateway, Status.DISCONNECTED, Reason.MISSING, of=CONFIRMABLE, actor=actor)
    text = f"{actor} confirmed it: {len(outcomes)} accounts are disconnected"
    close_incident(Incident.Kind.MASS_LOSS, gateway_id=gateway.pk, text=text)
    return outcomes


def dismiss_loss(gateway: Gateway, *, actor: str) -> list[Outcome]:
    """Mark the sessions as unknown until something shows them again, whatever the lists leave out
    meanwhile: they are not gone, the list is wrong. Raises Refused."""
    outcomes = _say(gateway, Status.UNKNOWN, Reason.LOSS_DISMISSED, of=AWAITING, actor=actor)
    text = f"{actor} dismissed it: {len(outcomes)} accounts stay unknown until they are shown"
    close_incident(Incident.Kind.MASS_LOSS, gateway_id=gateway.pk, text=text)
    return outcomes


def sessions_lost(gateway: Gateway, reasons: Collection[Reason]) -> list[str]:
    """Return its sessions that are unknown for one of these reasons."""
    accounts = Account.objects.filter(
        gateway=gateway, status=Status.UNKNOWN, status_reason__in=reasons
    )
    sessions = accounts.exclude(session_id=None).order_by("id")
    return [str(session_id) for session_id in sessions.values_list("session_id", flat=True)]


def _say(
    gateway: Gateway, status: Status, reason: Reason, *, of: Collection[Reason], actor: str
) -> list[Outcome]:
    # Taken before the rows are read: any later observation of them is newer than this one.
    now = clock.database_now()
    sessions = sessions_lost(gateway, of)
    if not sessions:
        raise Refused("no loss of its sessions waits for a word")
    return observe(
        Observation(
            gateway_id=gateway.pk,
            session_id=session_id,
            status=status,
            reason=reason,
            observed_at=now,
            source=Source.OPERATOR,
            actor=actor,
        )
        for session_id in sessions
    )
