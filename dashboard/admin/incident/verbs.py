"""The actions on an incident: acknowledge it, mute its alerts, or accept its path."""

from __future__ import annotations

from datetime import datetime, timedelta

from accounts.incidents import alert_rules, incidents
from accounts.models import Incident
from dashboard.admin.account.verbs import Act, Verb
from webhooks import misrouted

_DURATIONS = {
    "1h": ("1 hour", timedelta(hours=1)),
    "8h": ("8 hours", timedelta(hours=8)),
    "24h": ("24 hours", timedelta(hours=24)),
    "7d": ("7 days", timedelta(days=7)),
}


def _is_over(incident: Incident, now: datetime) -> str:
    return "it is over" if incident.closed_at is not None else ""


def _cannot_acknowledge(incident: Incident, now: datetime) -> str:
    if incident.acknowledged_at is not None:
        return f"{incident.acknowledged_by} acknowledged it already"
    return _is_over(incident, now)


def _cannot_unmute(incident: Incident, now: datetime) -> str:
    return _is_over(incident, now) or (
        "" if alert_rules.is_muted(incident, now) else "it is not muted"
    )


def _mute_for(duration: timedelta) -> Act:
    return lambda incident, actor, why: incidents.mute(incident, duration=duration, actor=actor)


ACKNOWLEDGE = Verb(
    name="acknowledge",
    label="Acknowledge incident",
    done="Acknowledged",
    costs=(
        "Everybody sees that you are handling it. Alerts not sent yet are not sent. It stays in "
        "the list; its recovery is sent to those who were told of its beginning."
    ),
    act=lambda incident, actor, why: incidents.acknowledge(incident, actor=actor),
    refusal=_cannot_acknowledge,
    icon="front_hand",
)
UNMUTE = Verb(
    name="unmute",
    label="Unmute alerts",
    done="Unmuted",
    costs="Alerts that were held back are sent now if it is still open; so is its recovery, later.",
    act=lambda incident, actor, why: incidents.unmute(incident, actor=actor),
    refusal=_cannot_unmute,
    icon="notifications_active",
)


def _mute(name: str, words: str, duration: timedelta) -> Verb:
    return Verb(
        name=f"mute-{name}",
        label=f"Mute alerts for {words}",
        done="Muted",
        costs=(
            f"For {words} no alert is sent about it: not while it goes on, not when it is over, "
            "and not if it comes back at this gateway. It stays in the list."
        ),
        act=_mute_for(duration),
        refusal=_is_over,
        icon="notifications_paused",
    )


def _cannot_accept(incident: Incident, now: datetime) -> str:
    if incident.kind != Incident.Kind.MISROUTED:
        return "it is not about a path"
    return _is_over(incident, now)


def _accept(incident: Incident, actor: str, why: str) -> str:
    assert incident.gateway is not None
    return ", ".join(misrouted.accept_paths(incident.gateway, actor=actor))


ACCEPT_PATH = Verb(
    name="accept-path",
    label="Accept this path",
    done="Accepted",
    costs=(
        "This gateway may send its webhooks to the path in the incident; no incident is opened "
        "about it any more. The incident is closed. Other paths, and other gateways on this "
        "path, still open one."
    ),
    act=_accept,
    refusal=_cannot_accept,
    icon="alt_route",
)

INCIDENT_VERBS = {
    verb.name: verb
    for verb in (
        ACCEPT_PATH,
        ACKNOWLEDGE,
        *(_mute(name, *told) for name, told in _DURATIONS.items()),
        UNMUTE,
    )
}
