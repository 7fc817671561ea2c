"""Self-check: if no gateway can be read, Rollcall is more likely at fault than all of them.

One incident about Rollcall then replaces one about each gateway. It closes as soon as one of them
can be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from accounts.incidents.incidents import close_incident, open_incident
from accounts.models import Gateway, Incident
from accounts.state import maintenance
from accounts.store import clock
from gateways.registry import clients

FEWEST = 2  # one unreadable gateway says nothing about us
# Reads are staggered, so incidents of one outage can open this far apart.
SAME_MOMENT = timedelta(seconds=60)
NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """Visibility of one gateway: whether its last read failed, or whether any has succeeded yet."""

    name: str
    is_blind: bool
    is_read: bool
    why: str = ""
    maintained: bool = False


def all_blind(sights: Sequence[Sight]) -> bool:
    """Return True if none of them can be read, and enough of them should be. A gateway under
    maintenance may well be away; if it can be read, the fault is not ours."""
    expected = [sight for sight in sights if not sight.maintained]
    refuted = any(sight.is_read for sight in sights)
    return not refuted and len(expected) >= FEWEST and all(sight.is_blind for sight in expected)


def suspects_ourselves() -> bool:
    """Return True if no gateway can be read at this moment."""
    return all_blind(_sights())


def look_at_ourselves() -> bool:
    """Check the same after a gateway could not be read, and open the incident. It replaces those
    that opened about gateways at the same moment."""
    sights = _sights()
    if not all_blind(sights):
        return False
    incident = open_incident(Incident.Kind.SELF_CHECK, text=_words(sights))
    accused = Incident.objects.filter(
        kind=Incident.Kind.UNREACHABLE,
        closed_at__isnull=True,
        opened_at__gte=incident.opened_at - SAME_MOMENT,
    )
    for gateway_id in accused.values_list("gateway_id", flat=True):
        close_incident(Incident.Kind.UNREACHABLE, gateway_id=gateway_id)
    return True


def see_again() -> None:
    """Close the incident: a gateway was read, so the fault is not ours, or no longer."""
    close_incident(Incident.Kind.SELF_CHECK)


def last_over() -> datetime | None:
    """Return when we last stopped suspecting ourselves. The time against a gateway that is still
    unreachable starts then."""
    ours = Incident.objects.filter(kind=Incident.Kind.SELF_CHECK, closed_at__isnull=False)
    return ours.order_by("-closed_at").values_list("closed_at", flat=True).first()


def _sights() -> list[Sight]:
    """Return the visibility of the gateways that have a client."""
    maintained = maintenance.under_maintenance(clock.database_now())
    rows = Gateway.objects.filter(kind__in=clients()).order_by("name")
    return [
        Sight(
            name=name,
            is_blind=blind_since is not None,
            is_read=sight_since is not None,
            why=why,
            maintained=pk in maintained,
        )
        for pk, name, blind_since, sight_since, why in rows.values_list(
            "pk", "name", "blind_since", "sight_since", "blind_why"
        )
    ]


def _words(sights: Sequence[Sight]) -> str:
    blind = [sight for sight in sights if sight.is_blind]
    said = "; ".join(f"{sight.name}: {sight.why}" for sight in blind[:NAMED])
    more = f"; and {len(blind) - NAMED} more" if len(blind) > NAMED else ""
    return f"none of {len(blind)} gateways can be read: {said}{more}"
