"""Incidents as the terminal and scripts show them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, F, Q

from accounts.alerts.wording import headline
from accounts.explain.explanation import age
from accounts.models import Channel, Incident, Notification
from accounts.store import clock
from gateways.wire.untrusted import printable

MOST = 200
# The sweeper runs every 5 s.
SENT_WITHIN = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Listed:
    """Incidents to show. `unsent`: since when notices are overdue, oldest first."""

    incidents: list[Incident]
    channels: list[Channel]
    unsent: list[datetime]


def listed(*, with_closed: bool) -> Listed:
    """Return the incidents, open ones first, newest first."""
    rows = Incident.objects.select_related("gateway").annotate(
        # The opening notice is sent first: one per channel.
        told=Count("notifications", filter=Q(notifications__state=Notification.State.SENT))
    )
    if not with_closed:
        rows = rows.filter(closed_at__isnull=True)
    ordered = rows.order_by(F("closed_at").desc(nulls_first=True), "-id")
    channels = Channel.objects.filter(is_active=True)
    return Listed(list(ordered[:MOST]), list(channels), _unsent())


def _unsent() -> list[datetime]:
    limit = clock.database_now() - SENT_WITHIN
    late = Notification.objects.filter(
        state=Notification.State.PENDING, next_attempt_at__lt=limit
    ).order_by("next_attempt_at")
    return [due for due in late.values_list("next_attempt_at", flat=True) if due is not None]


def as_record(incident: Incident) -> dict[str, object]:
    return {
        "id": incident.pk,
        "kind": incident.kind,
        "gateway": incident.gateway.name if incident.gateway else None,
        "since": incident.opened_at.isoformat(),
        "last_seen": incident.last_seen_at.isoformat(),
        "closed": _iso(incident.closed_at),
        "count": incident.count,
        "text": incident.text,
        "cure": incident.cure,
        "acknowledged": _iso(incident.acknowledged_at),
        "acknowledged_by": incident.acknowledged_by or None,
        "muted_until": _iso(incident.muted_until),
        "told": getattr(incident, "told", 0),
    }


def as_text(found: Listed, now: datetime) -> str:
    number = sum(incident.closed_at is None for incident in found.incidents)
    lines = [_heading(number)]
    for incident in found.incidents:
        lines += ["", *_entry(incident, now)]
    return "\n".join([*lines, *_about_channels(found.channels), *_about_unsent(found.unsent, now)])


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _heading(number: int) -> str:
    if number == 0:
        return "No incident is open."
    return "1 incident is open." if number == 1 else f"{number} incidents are open."


def _entry(incident: Incident, now: datetime) -> list[str]:
    times = "once" if incident.count == 1 else f"{incident.count} times"
    last = age(incident.last_seen_at, now)
    lines = [
        f"{headline(incident)}  [{incident.kind}]",
        f"  since  {incident.opened_at:%Y-%m-%d %H:%M} UTC ({age(incident.opened_at, now)}), "
        f"seen {times}, last {last} ago",
        *_line("what", incident.text),
    ]
    if incident.closed_at:
        return [*lines, f"  over   after {age(incident.opened_at, incident.closed_at)}"]
    return [*lines, *_line("do", incident.cure), *_handling(incident, now)]


def _line(word: str, text: str) -> list[str]:
    return [f"  {word:<6} {printable(text, limit=500)}"] if text else []


def _handling(incident: Incident, now: datetime) -> list[str]:
    told = getattr(incident, "told", 0)
    lines = [] if told else ["  told   nobody yet"]
    if incident.acknowledged_at:
        who = printable(incident.acknowledged_by, limit=150)
        lines.append(f"  taken  by {who}, {age(incident.acknowledged_at, now)} ago")
    if incident.muted_until and incident.muted_until > now:
        lines.append(f"  muted  until {incident.muted_until:%Y-%m-%d %H:%M} UTC")
    return lines


def _about_channels(channels: list[Channel]) -> list[str]:
    if not channels:
        return ["", "Nobody is told of incidents: add a channel with ./run manage channel_add."]
    return [
        f"\nChannel {printable(one.name, limit=100)} fails since "
        f"{one.failing_since:%Y-%m-%d %H:%M} UTC: {printable(one.last_error, limit=500)}"
        for one in channels
        if one.failing_since
    ]


def _about_unsent(unsent: list[datetime], now: datetime) -> list[str]:
    if not unsent:
        return []
    notices = "1 notice is" if len(unsent) == 1 else f"{len(unsent)} notices are"
    since = age(unsent[0], now)
    return ["", f"{notices} due since {since}, and unsent: do the worker and beat run?"]
