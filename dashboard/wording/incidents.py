"""What an open incident says, on every page that tells it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from accounts.models import Gateway, Incident
from dashboard.wording.safe_text import visible

SHOWN = 5
Told = tuple[Incident, Gateway | None]


def sentence(incident: Incident, gateway: Gateway | None) -> str:
    """Return the text, capitalised; a gateway's name keeps its spelling."""
    text = visible(incident.text)
    begins_with_name = gateway is not None and text.startswith(visible(gateway.name))
    return text if begins_with_name else text[:1].upper() + text[1:]


def card_of(rows: Sequence[Told]) -> dict[str, Any]:
    """Return what `dashboard/route_incidents.html` shows of them."""
    return {
        "incidents": [
            (incident, gateway, sentence(incident, gateway)) for incident, gateway in rows[:SHOWN]
        ],
        "incidents_number": len(rows),
        "incidents_more": max(0, len(rows) - SHOWN),
    }


def open_at(gateway: Gateway) -> dict[str, Any]:
    open_ones = Incident.objects.filter(gateway=gateway, closed_at__isnull=True)
    return card_of([(incident, gateway) for incident in open_ones.order_by("-id")])
