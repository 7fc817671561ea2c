"""Text of a notice: what, where, since when, how often, what to do. Plain text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.urls import reverse

from accounts.explain.explanation import age
from accounts.incidents.affected import Affected
from accounts.models import Incident
from gateways.wire.untrusted import printable

LONGEST_SUBJECT = 150
# Telegram accepts 4,096 characters, others fewer.
LONGEST_BODY = 3500
LONGEST_WORDS = 500


@dataclass(frozen=True, slots=True)
class Message:
    """`html`, `headers`: of an e-mail. `severity`: Apprise's type, which colours it."""

    subject: str
    body: str
    html: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    severity: str = "info"


def message_about(
    incidents: Sequence[Incident], now: datetime, *, whose: Mapping[int, Affected]
) -> Message:
    """Return one message about one incident or many. `whose`: the accounts that run there, by
    gateway."""
    if len(incidents) == 1:
        [incident] = incidents
        over = f": over after {_lasted(incident)}" if incident.closed_at else ""
        return Message(_subject(f"{headline(incident)}{over}"), _whole(incident, now, whose))
    open_number = sum(incident.closed_at is None for incident in incidents)
    over_number = len(incidents) - open_number
    return Message(
        _subject(f"{len(incidents)} incidents: {open_number} open, {over_number} over"),
        _summary(incidents, now, whose),
    )


def trial_message(channel: str) -> Message:
    name = _said(channel)
    return Message(
        _subject(f"test of channel {name}"),
        f"This is a test of the channel {name}. If you read it, alerts will reach you here.",
    )


def headline(incident: Incident) -> str:
    where = incident.gateway.name if incident.gateway else "Rollcall"
    return f"{_said(where)}: {incident.get_kind_display()}"


def page_of(incident: Incident) -> str:
    return settings.PUBLIC_URL + reverse("admin:accounts_incident_change", args=[incident.pk])


def _subject(text: str) -> str:
    return printable(f"[Rollcall] {text}", limit=LONGEST_SUBJECT)


def _said(text: str) -> str:
    """Make foreign text printable: nothing in it may break a line or hide."""
    return printable(text, limit=LONGEST_WORDS)


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _lasted(incident: Incident) -> str:
    return age(incident.opened_at, incident.closed_at) if incident.closed_at else ""


def _times(incident: Incident) -> str:
    return "once" if incident.count == 1 else f"{incident.count} times"


def _whole(incident: Incident, now: datetime, whose: Mapping[int, Affected]) -> str:
    lines = [f"{headline(incident)}.", ""]
    if incident.closed_at:
        lines += [
            f"It is over. It lasted {_lasted(incident)}.",
            f"From:  {_minute(incident.opened_at)}",
            f"Until: {_minute(incident.closed_at)}",
        ]
    else:
        lines.append(f"Since: {_minute(incident.opened_at)} ({age(incident.opened_at, now)})")
    lines.append(f"Seen:  {_times(incident)}")
    if incident.text:
        lines.append(f"What:  {_said(incident.text)}")
    if concerned := _concerned(incident, whose):
        lines.append(f"Whom:  {concerned}")
    if incident.cure and not incident.closed_at:
        lines.append(f"Do:    {_said(incident.cure)}")
    lines.append(f"Look:  {page_of(incident)}")
    return "\n".join(lines)


def _summary(incidents: Sequence[Incident], now: datetime, whose: Mapping[int, Affected]) -> str:
    """List each incident with its cure while there is room, then the number of the others."""
    text = ""
    for number, incident in enumerate(incidents):
        entry = f"{_entry(incident, now, whose)}\n\n"
        if len(text) + len(entry) > LONGEST_BODY:
            return f"{text}And {len(incidents) - number} more: {_all_of_them()}"
        text += entry
    return f"{text}All: {_all_of_them()}"


def _entry(incident: Incident, now: datetime, whose: Mapping[int, Affected]) -> str:
    if incident.closed_at:
        state = f"over after {_lasted(incident)}, seen {_times(incident)}"
        return f"- {headline(incident)}: {state}\n  Look: {page_of(incident)}"
    since = f"since {_minute(incident.opened_at)} ({age(incident.opened_at, now)})"
    concerned = _concerned(incident, whose)
    lines = [f"- {headline(incident)}: {since}, seen {_times(incident)}"]
    lines += [f"  Whom: {concerned}"] if concerned else []
    lines += [f"  Do: {_said(incident.cure)}"] if incident.cure else []
    return "\n".join([*lines, f"  Look: {page_of(incident)}"])


def _concerned(incident: Incident, whose: Mapping[int, Affected]) -> str:
    """Return whose accounts an open incident concerns; "" if it is over, or of no gateway."""
    if incident.closed_at or incident.gateway_id is None:
        return ""
    return _said(whose.get(incident.gateway_id, Affected()).text())


def _all_of_them() -> str:
    return settings.PUBLIC_URL + reverse("admin:accounts_incident_changelist")
