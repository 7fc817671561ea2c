"""Incidents, and how operators are told of them."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from accounts.models.gateways import Gateway
from accounts.store.encryption import seal, unseal


class Incident(models.Model):
    """A problem that operators must know of. Opens once, counts, closes itself."""

    class Kind(models.TextChoices):
        UNREACHABLE = "unreachable", "gateway cannot be read"
        MASS_LOSS = "mass_loss", "half of a gateway's sessions vanished"
        SELF_CHECK = "self_check", "no gateway can be read: suspect Rollcall itself"
        CONFLICT = "conflict", "another client runs a number"
        FLAPPING = "flapping", "sessions come and go"
        RESTRICTED = "restricted", "WhatsApp limits a connected number"
        LEFT_OVER = "left_over", "a browser left behind holds a session's profile"
        REPAIR_HARMS = "repair_harms", "what Rollcall repairs dies again: repair is paused"
        MISROUTED = "misrouted", "webhooks arrive on a wrong path"
        FAILING = "failing", "webhooks fail"
        SILENT = "silent", "no webhooks come"
        SLOW = "slow", "webhooks are handled slowly"
        UNDELIVERED = "undelivered", "webhooks cannot be handed on"
        UNATTRIBUTED = "unattributed", "webhooks of nobody we know are refused"
        UNWRITTEN = "unwritten", "webhooks could not be written down"
        CHANNEL = "channel", "alerts cannot be delivered"

    kind = models.CharField(max_length=30, choices=Kind.choices)
    gateway = models.ForeignKey(
        Gateway, models.CASCADE, null=True, blank=True, related_name="incidents"
    )
    opened_at = models.DateTimeField(db_default=Now())
    last_seen_at = models.DateTimeField(db_default=Now())
    closed_at = models.DateTimeField(null=True, blank=True)
    count = models.PositiveIntegerField(default=1)
    text = models.CharField(max_length=500, blank=True)
    cure = models.CharField(max_length=500, blank=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.CharField(max_length=150, blank=True)
    muted_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "incidents"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "gateway"],
                name="one_open_incident",
                condition=Q(closed_at__isnull=True),
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                name="incident_closes_after_it_opens",
                condition=Q(closed_at__isnull=True) | Q(closed_at__gte=F("opened_at")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.gateway or 'Rollcall'}"


class Channel(models.Model):
    """A way to alert operators: e-mail addresses, or an Apprise URL (Slack, Telegram, …)."""

    class Kind(models.TextChoices):
        EMAIL = "email", "e-mail"
        APPRISE = "apprise", "Apprise URL"

    name = models.CharField(max_length=100, unique=True)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    # Any target is sealed, because an Apprise URL holds a token.
    sealed = models.TextField(editable=False)
    is_active = models.BooleanField(default=True)
    timeout_seconds = models.PositiveSmallIntegerField(default=10)
    most_per_hour = models.PositiveSmallIntegerField(default=60)
    last_sent_at = models.DateTimeField(null=True, blank=True, editable=False)
    failing_since = models.DateTimeField(null=True, blank=True, editable=False)
    last_error = models.CharField(max_length=500, blank=True, editable=False)
    # Lease of the current sender: a channel that hangs blocks one worker, not all.
    sending_until = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def target(self) -> str:
        return unseal(self.sealed)

    @target.setter
    def target(self, value: str) -> None:
        self.sealed = seal(value)


class Notification(models.Model):
    """Notice through one channel: the queue of record. Sent at least once."""

    class What(models.TextChoices):
        OPENED = "opened", "it began"
        RECOVERED = "recovered", "it is over"

    class State(models.TextChoices):
        PENDING = "pending", "to be sent"
        SENT = "sent", "sent"
        CANCELLED = "cancelled", "not needed any more"
        DEAD = "dead", "could not be sent"

    incident = models.ForeignKey(Incident, models.CASCADE, related_name="notifications")
    channel = models.ForeignKey(Channel, models.CASCADE, related_name="notifications")
    what = models.CharField(max_length=10, choices=What.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "channel", "what"], name="told_once_per_channel"
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                name="notification_pending",
                condition=Q(state="pending"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.incident} ({self.get_what_display()})"
