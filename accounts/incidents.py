"""Incidents open once, count, and close."""

from __future__ import annotations

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from accounts.models import Incident


def open_incident(
    kind: Incident.Kind,
    *,
    gateway_id: int | None = None,
    text: str = "",
    cure: str = "",
    count: int | None = None,
) -> Incident:
    """The open incident of this kind and gateway: made, or brought up to date when it is open
    already. `count` says how often it has been seen; without it, once more."""
    said = {"text": text[:500], "cure": cure[:500]}
    incident, made = _open(kind, gateway_id).get_or_create(
        defaults={"kind": kind, "gateway_id": gateway_id, "count": count or 1, **said}
    )
    if not made:
        seen = F("count") + 1 if count is None else count
        Incident.objects.filter(pk=incident.pk).update(count=seen, last_seen_at=Now(), **said)
    return incident


def close_incident(kind: Incident.Kind, *, gateway_id: int | None = None) -> bool:
    """Close it if it is open; True when it was."""
    return _open(kind, gateway_id).update(closed_at=Now()) > 0


def _open(kind: Incident.Kind, gateway_id: int | None) -> QuerySet[Incident]:
    of_gateway = Q(gateway_id__isnull=True) if gateway_id is None else Q(gateway_id=gateway_id)
    return Incident.objects.filter(of_gateway, kind=kind, closed_at__isnull=True)
