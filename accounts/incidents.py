"""Incidents open once, count, and close."""

from __future__ import annotations

from django.db.models import F
from django.db.models.functions import Now

from accounts.models import Incident


def open_incident(
    kind: Incident.Kind, *, gateway_id: int | None = None, text: str = ""
) -> Incident:
    """The open incident of this kind and gateway: made, or counted up when it is open already."""
    incident, made = Incident.objects.get_or_create(
        kind=kind, gateway_id=gateway_id, closed_at=None, defaults={"text": text[:500]}
    )
    if not made:
        Incident.objects.filter(pk=incident.pk).update(
            count=F("count") + 1, last_seen_at=Now(), text=text[:500]
        )
    return incident


def close_incident(kind: Incident.Kind, *, gateway_id: int | None = None) -> bool:
    """Close it if it is open; True when it was."""
    closed = Incident.objects.filter(kind=kind, gateway_id=gateway_id, closed_at=None).update(
        closed_at=Now()
    )
    return closed > 0
