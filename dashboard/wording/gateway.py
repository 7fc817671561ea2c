"""What pages say of a gateway: whether it can be read, and its open incidents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from accounts.explain.explanation import age
from accounts.models import Gateway, Incident
from accounts.state import maintenance
from dashboard.wording.html import visible

# Twice missed: a list is due every 20 s.
LIST_IS_LATE_AFTER = timedelta(seconds=45)


@dataclass(frozen=True, slots=True)
class Reachability:
    """`tone` and `icon` are for the badge `word`, `sentence` says the rest."""

    word: str
    tone: str
    icon: str
    sentence: str


def reach_of(
    gateway: Gateway, now: datetime, maintained_until: datetime | None = None
) -> Reachability:
    """Maintenance is shown before all else: what it shows is expected."""
    reach = _reach_of(gateway, now)
    if maintained_until is None:
        return reach
    word = f"under maintenance until {maintenance.said(maintained_until, now)}"
    return Reachability(word, "busy", "construction", f"{reach.word}: {reach.sentence}")


def _reach_of(gateway: Gateway, now: datetime) -> Reachability:
    if gateway.blind_since is not None:
        why = visible(gateway.blind_why) or "no reason was kept"
        since = age(gateway.blind_since, now)
        return Reachability("cannot be read", "bad", "visibility_off", f"for {since}: {why}")
    if gateway.listed_at is None:
        return Reachability("never read", "busy", "hourglass_empty", "no roll call has read it yet")
    listed = age(gateway.listed_at, now)
    if now - gateway.listed_at > LIST_IS_LATE_AFTER:
        return Reachability("overdue", "warn", "schedule", f"last complete list {listed} ago")
    return Reachability("readable", "good", "check_circle", f"last complete list {listed} ago")


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
