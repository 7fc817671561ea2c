"""Incidents open once, count, close; operators acknowledge and mute them. Their notices are written
in the same transaction."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from accounts.incidents import alert_rules
from accounts.models import Channel, Incident, Notification
from accounts.store import clock
from accounts.store.announce import announce
from accounts.store.enqueue import enqueue_task
from accounts.words.refusals import Refused

logger = logging.getLogger(__name__)

LONGEST = 500
PRUNE_ROWS = 5000
# Open incidents of a gateway and of Rollcall itself: kind, since when.
OPEN_ABOUT_SQL = """
SELECT kind, opened_at FROM incidents
 WHERE closed_at IS NULL AND (gateway_id = %(gateway)s OR gateway_id IS NULL)
"""


@transaction.atomic
def open_incident(
    kind: Incident.Kind,
    *,
    gateway_id: int | None = None,
    text: str = "",
    cure: str = "",
    count: int | None = None,
) -> Incident:
    """Return the open incident of this kind and gateway, created or updated.

    `cure`: the exact thing to do; without it the default of the kind. `count`: how often it was
    seen; without it the count goes up by one.
    """
    said = {"text": text[:LONGEST], "cure": (cure or alert_rules.default_cure(kind))[:LONGEST]}
    fields: dict[str, Any] = {
        "kind": kind,
        "gateway_id": gateway_id,
        "count": count or 1,
        "muted_until": lambda: _still_muted_until(kind, gateway_id),
    }
    incident, made = _open(kind, gateway_id).get_or_create(defaults=fields | said)
    if made:
        _note_opened(incident)
    else:
        seen = F("count") + 1 if count is None else count
        Incident.objects.filter(pk=incident.pk, closed_at__isnull=True).update(
            count=seen, last_seen_at=Now(), **said
        )
    announce(incidents=True, gateways=[gateway_id])
    return incident


def close_incident(kind: Incident.Kind, *, gateway_id: int | None = None, text: str = "") -> bool:
    """Close the incident if it is open; return True if it was. `text`: the outcome, unless it
    simply recovered. One that comes and goes stays open until it was quiet for a while."""
    if not is_open(kind, gateway_id=gateway_id) or _comes_and_goes(kind, gateway_id):
        return False
    with transaction.atomic():
        incident = _open(kind, gateway_id).select_for_update().first()
        if incident is None:
            return False
        incident.closed_at = max(clock.database_now(), incident.opened_at)
        incident.text = text[:LONGEST] or incident.text
        incident.save(update_fields=["closed_at", "text"])
        _note_closed(incident)
        announce(incidents=True, gateways=[gateway_id])
    return True


def _comes_and_goes(kind: Incident.Kind, gateway_id: int | None) -> bool:
    """Return True if it opened so often lately that each end would be followed by a beginning: it
    was seen within QUIET, and its kind opened MOST_IN_SPAN times within SPAN."""
    if kind not in alert_rules.CLOSED_AGAIN_AND_AGAIN:
        return False
    now = clock.database_now()
    lately = _like(kind, gateway_id).filter(opened_at__gt=now - alert_rules.SPAN)
    seen = list(
        lately.order_by("-id").values_list("last_seen_at", flat=True)[: alert_rules.MOST_IN_SPAN]
    )
    return len(seen) == alert_rules.MOST_IN_SPAN and seen[0] > now - alert_rules.QUIET


def is_open(kind: Incident.Kind, *, gateway_id: int | None = None) -> bool:
    return _open(kind, gateway_id).exists()


def prune() -> int:
    """Delete incidents that closed long ago, with their notices. Return how many."""
    limit = clock.database_now() - timedelta(days=settings.INCIDENTS_KEPT_DAYS)
    old = Incident.objects.filter(closed_at__lt=limit).order_by("pk")
    gone = 0
    while pks := list(old.values_list("pk", flat=True)[:PRUNE_ROWS]):
        Incident.objects.filter(pk__in=pks).delete()
        gone += len(pks)
    return gone


@transaction.atomic
def acknowledge(incident: Incident, *, actor: str) -> None:
    """Note that somebody works on it, and cancel the notices that are not sent yet. Channels that
    were told of the beginning still get the recovery. Raises Refused."""
    _change_open(incident, acknowledged_at=Now(), acknowledged_by=actor[:150])
    _cancel(_beginnings(incident), "acknowledged")
    logger.info("incident %s (%s) was acknowledged by %s", incident.pk, incident.kind, actor)


@transaction.atomic
def mute(incident: Incident, *, duration: timedelta, actor: str) -> None:
    """Send no notice of it until then, nor of a similar one that opens meanwhile.

    Raises Refused.
    """
    until = clock.database_now() + duration
    _change_open(incident, muted_until=until)
    logger.info("incident %s (%s) was muted by %s", incident.pk, incident.kind, actor)


@transaction.atomic
def unmute(incident: Incident, *, actor: str) -> None:
    """Send the held notices now, if the incident is still open. Raises Refused."""
    _change_open(incident, muted_until=None)
    pending = _beginnings(incident).filter(state=Notification.State.PENDING)
    channels = list(pending.values_list("channel_id", flat=True))
    pending.update(next_attempt_at=_told_from(incident))
    _enqueue(channels)
    logger.info("incident %s (%s) was unmuted by %s", incident.pk, incident.kind, actor)


def _open(kind: Incident.Kind, gateway_id: int | None) -> QuerySet[Incident]:
    return _like(kind, gateway_id).filter(closed_at__isnull=True)


def _like(kind: str, gateway_id: int | None) -> QuerySet[Incident]:
    of_gateway = Q(gateway_id__isnull=True) if gateway_id is None else Q(gateway_id=gateway_id)
    return Incident.objects.filter(of_gateway, kind=kind)


def _still_muted_until(kind: Incident.Kind, gateway_id: int | None) -> datetime | None:
    """Return the end of the last mute of its kind: an incident that comes and goes is muted once,
    not each time it comes."""
    last = _like(kind, gateway_id).order_by("-id").first()
    muted = last is not None and alert_rules.is_muted(last, clock.database_now())
    return last.muted_until if last is not None and muted else None


def _change_open(incident: Incident, **fields: object) -> None:
    if not Incident.objects.filter(pk=incident.pk, closed_at__isnull=True).update(**fields):
        raise Refused("it is over already")
    announce(incidents=True, gateways=[incident.gateway_id])


def _told_from(incident: Incident) -> datetime:
    return incident.opened_at + alert_rules.hold(incident.kind)


def _beginnings(incident: Incident) -> QuerySet[Notification]:
    return incident.notifications.filter(what=Notification.What.OPENED)


def _note_opened(incident: Incident) -> None:
    channels = Channel.objects.filter(is_active=True)
    if incident.kind == Incident.Kind.CHANNEL:
        channels = channels.filter(failing_since__isnull=True)  # a broken one cannot say so
    told_from = _told_from(incident)
    _note(incident, Notification.What.OPENED, channels.values_list("pk", flat=True), told_from)


def _note_closed(incident: Incident) -> None:
    """Queue the recovery for channels that were told, or are being told, of the beginning."""
    beginnings = _beginnings(incident)
    if alert_rules.healed_inside_hold(incident):
        _cancel(beginnings, "it healed before it was to be told")
    if alert_rules.is_muted(incident, clock.database_now()):
        _cancel(beginnings, "muted until its end")
        return
    told = beginnings.filter(state__in=(Notification.State.SENT, Notification.State.PENDING))
    channels = told.values_list("channel_id", flat=True)
    assert incident.closed_at is not None
    _note(incident, Notification.What.RECOVERED, channels, incident.closed_at)


def _note(
    incident: Incident, what: Notification.What, channels: Iterable[int], due: datetime
) -> None:
    rows = [
        Notification(incident=incident, channel_id=pk, what=what, next_attempt_at=due)
        for pk in channels
    ]
    Notification.objects.bulk_create(rows, ignore_conflicts=True)
    if due <= clock.database_now():
        _enqueue(row.channel_id for row in rows)


def _enqueue(channels: Iterable[int]) -> None:
    for pk in channels:
        enqueue_task("accounts.tasks.tell_channel", pk)


def _cancel(notifications: QuerySet[Notification], why: str) -> None:
    notifications.filter(state=Notification.State.PENDING).update(
        state=Notification.State.CANCELLED, error=why, next_attempt_at=None
    )
