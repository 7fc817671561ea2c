"""Pause the automatic repair of a gateway when it does harm. Only an operator resumes it."""

from __future__ import annotations

import logging

from django.db import transaction
from django.db.models.functions import Now

from accounts.incidents.incidents import close_incident, open_incident
from accounts.models import Gateway, Incident
from accounts.words.refusals import Refused

logger = logging.getLogger(__name__)


@transaction.atomic
def pause_repair(gateway_id: int, why: str) -> bool:
    """Pause the repair. False: it is paused already."""
    running = Gateway.objects.filter(pk=gateway_id, repair_paused_at__isnull=True)
    if not running.update(repair_paused_at=Now(), repair_paused_why=why[:500]):
        return False
    open_incident(Incident.Kind.REPAIR_HARMS, gateway_id=gateway_id, text=why)
    return True


@transaction.atomic
def resume_repair(gateway: Gateway, *, actor: str) -> None:
    """Resume the repair. Earlier repairs no longer count against it. Raises Refused."""
    paused = Gateway.objects.filter(pk=gateway.pk, repair_paused_at__isnull=False)
    if not paused.update(repair_paused_at=None, repair_paused_why=""):
        raise Refused("its repair is not paused")
    close_incident(Incident.Kind.REPAIR_HARMS, gateway_id=gateway.pk)
    logger.info("automatic repair of %s was resumed by %s", gateway, actor)
    gateway.refresh_from_db()
