"""Send notices to operators.

The rows are the queue. A due notice is claimed before it is sent and marked after it, so that a
sender that dies between the two sends it again. Nothing is sent inside a request, a transaction or
a lock.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from accounts.alerts.sender import SendOutcome, hard_limit_seconds, send
from accounts.alerts.wording import message_about
from accounts.incidents import alert_rules
from accounts.incidents.affected import affected_by
from accounts.incidents.incidents import close_incident, open_incident
from accounts.models import Channel, Incident, Notification
from accounts.store import clock
from accounts.store.enqueue import enqueue_task
from gateways.wire.untrusted import printable

# Notices that are due together go in one message.
MOST_IN_A_MESSAGE = 100
LEASE_BEYOND_SECONDS = 15

State = Notification.State
What = Notification.What


@dataclass(frozen=True, slots=True)
class Batch:
    channel: Channel
    notifications: list[Notification]

    @property
    def pks(self) -> list[int]:
        return [notification.pk for notification in self.notifications]

    @property
    def letter_id(self) -> str:
        """Stable id of this message, unique to it, so that a mailbox can drop a duplicate."""
        first = self.notifications[0]
        said = f"{settings.PUBLIC_URL} {first.created_at.isoformat()} {self.pks}"
        return hashlib.sha256(said.encode()).hexdigest()[:32]


def sweep_notifications() -> None:
    """Start a task for every channel with a due notice. Each has its own task: a channel that hangs
    blocks no other."""
    now = clock.database_now()
    due = Notification.objects.filter(state=State.PENDING, next_attempt_at__lte=now)
    for pk in due.order_by("channel_id").values_list("channel_id", flat=True).distinct():
        enqueue_task("accounts.tasks.tell_channel", pk)
    close_if_all_channels_work()


def tell_channel(channel_id: int) -> int:
    """Send what is due through this channel. Return how many messages were sent."""
    sent = 0
    while batch := _claim(channel_id):
        now = clock.database_now()
        incidents = {row.incident_id: row.incident for row in batch.notifications}
        open_ones = [one for one in incidents.values() if one.closed_at is None]
        gateways = {one.gateway_id for one in open_ones if one.gateway_id is not None}
        whose = affected_by(gateways, now)
        message = message_about(list(incidents.values()), now, whose=whose)
        outcome = send(batch.channel, message, letter_id=batch.letter_id)
        _settle(batch, outcome)
        sent += outcome.sent
        if not outcome.sent:
            break
    return sent


def note_outcome(channel: Channel, outcome: SendOutcome) -> None:
    """Record the outcome on the channel. Two failures in a row open an incident."""
    now = clock.database_now()
    row = Channel.objects.filter(pk=channel.pk)
    if outcome.sent:
        row.update(last_sent_at=now)
    if not outcome.error:
        row.update(failing_since=None, last_error="")
        close_if_all_channels_work()
        return
    row.update(
        failing_since=Coalesce("failing_since", now), last_error=printable(outcome.error, limit=500)
    )
    if channel.failing_since is not None:
        _report(channel, outcome.error)


def close_if_all_channels_work() -> None:
    if not Channel.objects.filter(is_active=True, failing_since__isnull=False).exists():
        close_incident(Incident.Kind.CHANNEL)


def _report(channel: Channel, error: str) -> None:
    name = printable(channel.name, limit=100)
    open_incident(
        Incident.Kind.CHANNEL,
        text=f"Channel {name} fails since {channel.failing_since:%Y-%m-%d %H:%M} UTC: {error}",
        cure=f'Run ./run manage channel_test "{name}", and correct its target, or the settings of '
        "the mail server, until it succeeds.",
    )


def _claim(channel_id: int) -> Batch | None:
    """Claim the notices to send now.

    One sender at a time has a channel. Claimed notices are postponed before they are sent, in case
    the sender dies.
    """
    channel = Channel.objects.get(pk=channel_id)
    if not _take_lease(channel):
        return None
    with transaction.atomic():
        now = clock.database_now()
        rows = _to_send(_due(channel, now), channel, now)
        if rows:
            _put_off(rows, now)
    if rows:
        return Batch(channel, rows)
    _end_lease(channel)
    return None


def _take_lease(channel: Channel) -> bool:
    now = clock.database_now()
    limit = timedelta(seconds=hard_limit_seconds(channel) + LEASE_BEYOND_SECONDS)
    free = clock.lease_free("sending_until", now, longest=limit)
    return Channel.objects.filter(free, pk=channel.pk).update(sending_until=now + limit) == 1


def _end_lease(channel: Channel) -> None:
    Channel.objects.filter(pk=channel.pk).update(sending_until=None)


def _due(channel: Channel, now: datetime) -> list[Notification]:
    """Return due notices. Recoveries carry the state of their opening notice."""
    beginning = Notification.objects.filter(
        incident=OuterRef("incident"), channel=OuterRef("channel"), what=What.OPENED
    )
    rows: QuerySet[Notification] = (
        channel.notifications.filter(state=State.PENDING, next_attempt_at__lte=now)
        .select_related("incident__gateway")
        .annotate(
            beginning_state=Subquery(beginning.values("state")),
            beginning_due=Subquery(beginning.values("next_attempt_at")),
        )
        .order_by("id")
    )
    return list(rows[:MOST_IN_A_MESSAGE])


def _to_send(due: list[Notification], channel: Channel, now: datetime) -> list[Notification]:
    """Return the due notices to send now, unless the channel's hourly limit is reached."""
    rows: list[Notification] = []
    for row in due:
        match _fate(row, channel, {one.incident_id for one in rows}, now):
            case alert_rules.Send():
                rows.append(row)
            case alert_rules.WaitToTell(until):
                _rows([row]).update(next_attempt_at=until)
            case alert_rules.Cancel(why):
                _rows([row]).update(state=State.CANCELLED, error=why, next_attempt_at=None)
    free_at = alert_rules.may_send_at(
        _sent_in_the_hour(channel, now), most_per_hour=channel.most_per_hour, now=now
    )
    if free_at > now:
        _rows(rows).update(next_attempt_at=free_at)
        return []
    return rows


def _fate(
    row: Notification, channel: Channel, opening: set[int], now: datetime
) -> alert_rules.Send | alert_rules.WaitToTell | alert_rules.Cancel:
    if not channel.is_active:
        return alert_rules.Cancel("the channel is switched off")
    state: str | None = getattr(row, "beginning_state", None)
    beginning = state and alert_rules.Beginning(
        state, getattr(row, "beginning_due", None), is_in_this_message=row.incident_id in opening
    )
    return alert_rules.fate(row.what, row.incident, now=now, beginning=beginning or None)


def _rows(notifications: list[Notification]) -> QuerySet[Notification]:
    return Notification.objects.filter(
        pk__in=[row.pk for row in notifications], state=State.PENDING
    )


def _sent_in_the_hour(channel: Channel, now: datetime) -> list[datetime]:
    """Return when messages were sent, oldest first. Notices of one message share one time."""
    sent = channel.notifications.filter(sent_at__gt=now - alert_rules.HOUR)
    times = sent.order_by("sent_at").values_list("sent_at", flat=True).distinct()
    return [time for time in times if time is not None]


def _put_off(rows: list[Notification], now: datetime) -> None:
    attempts = max(row.attempts for row in rows) + 1
    retry_at = now + alert_rules.retry_delay(attempts, chance=random.random())
    _rows(rows).update(attempts=F("attempts") + 1, next_attempt_at=retry_at)


def _settle(batch: Batch, outcome: SendOutcome) -> None:
    """Write the outcome in one transaction; then what it says about the channel."""
    rows = Notification.objects.filter(pk__in=batch.pks).exclude(state=State.SENT)
    with transaction.atomic():
        if outcome.sent:
            now = clock.database_now()
            rows.update(state=State.SENT, sent_at=now, error=outcome.error, next_attempt_at=None)
        else:
            rows.update(error=outcome.error)
            rows.filter(state=State.PENDING, attempts__gte=alert_rules.MOST_ATTEMPTS).update(
                state=State.DEAD, next_attempt_at=None
            )
        _end_lease(batch.channel)
    note_outcome(batch.channel, outcome)
