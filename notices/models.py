"""Losses of numbers, the notices that group them, and a row for each delivery."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from accounts.models import Account, Channel, Gateway, Workspace
from accounts.store.encryption import seal, unseal
from accounts.words.status import Status
from notices.languages import LANGUAGES


class Severity(models.TextChoices):
    """`critical`: a human must act, no automatic step helps."""

    WARNING = "warning", "warning"
    CRITICAL = "critical", "critical"


class Notice(models.Model):
    """What one audience is told of numbers that were lost together. `workspace` None: operators,
    who are told of all customers."""

    class Kind(models.TextChoices):
        DISCONNECTED = "session_disconnected", "numbers lost"

    workspace = models.ForeignKey(Workspace, models.CASCADE, null=True, blank=True)
    kind = models.CharField(max_length=30, choices=Kind.choices, default=Kind.DISCONNECTED)
    severity = models.CharField(max_length=10, choices=Severity.choices)
    opened_at = models.DateTimeField(db_default=Now())
    joined_at = models.DateTimeField(db_default=Now())
    number = models.PositiveIntegerField(default=0)
    closed_at = models.DateTimeField(null=True, blank=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.CharField(max_length=150, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["workspace", "-opened_at"],
                name="notice_open",
                condition=Q(closed_at__isnull=True),
            ),
            models.Index(fields=["closed_at"], name="notice_closed"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.workspace or 'operators'}"


class Loss(models.Model):
    """A number's time without a connection, from its first drop until it has stayed connected.

    `due_at`: not told before. `up_since`: connected again, and not yet for long enough.
    `next_look_at`: when it is judged again even if nothing changes.
    """

    class Ending(models.TextChoices):
        HEALED = "healed", "connected again"
        HEALED_EARLY = "healed_early", "connected again before it was told"
        UNWANTED = "unwanted", "switched off, archived or merged"

    account = models.ForeignKey(Account, models.CASCADE, related_name="losses")
    opened_at = models.DateTimeField()
    status = models.CharField(max_length=20, choices=Status.choices)
    reason = models.CharField(max_length=40, blank=True)
    due_at = models.DateTimeField()
    next_look_at = models.DateTimeField()
    is_due = models.BooleanField(default=False)
    up_since = models.DateTimeField(null=True, blank=True)
    drops = models.PositiveSmallIntegerField(default=1)
    # The number was told as lost and as back within the last hour.
    is_again = models.BooleanField(default=False)
    told_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    ending = models.CharField(max_length=20, choices=Ending.choices, blank=True)
    operator_notice = models.ForeignKey(
        Notice, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    customer_notice = models.ForeignKey(
        Notice, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )

    class Meta:
        verbose_name_plural = "losses"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["account"], name="one_open_loss", condition=Q(ended_at__isnull=True)
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_look_at"], name="loss_to_judge", condition=Q(ended_at__isnull=True)
            ),
            models.Index(fields=["due_at"], name="loss_due", condition=Q(is_due=True)),
            models.Index(fields=["account", "-ended_at"], name="loss_before"),
            models.Index(fields=["operator_notice"], name="loss_operators"),
            models.Index(fields=["customer_notice"], name="loss_customers"),
            models.Index(fields=["ended_at"], name="loss_ended"),
        ]

    def __str__(self) -> str:
        return f"{self.account}: {self.get_status_display()}"


class Subscription(models.Model):
    """One recipient through one channel: of a workspace, or of all (operators).

    A personal one goes to its user, one with an alert channel through that channel. The others
    have a sealed target: an address or a URL, which may hold a token.
    """

    class Kind(models.TextChoices):
        IN_APP = "in_app", "in the app"
        EMAIL = "email", "e-mail"
        APPRISE = "apprise", "Apprise URL"
        WEBHOOK = "webhook", "webhook"
        CHANNEL = "channel", "alert channel"

    kind = models.CharField(max_length=10, choices=Kind.choices)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True)
    workspace = models.ForeignKey(Workspace, models.CASCADE, null=True, blank=True)
    channel = models.OneToOneField(
        Channel, models.CASCADE, null=True, blank=True, related_name="subscription"
    )
    sealed = models.TextField(blank=True, editable=False)
    sealed_key = models.TextField(blank=True, editable=False)
    is_active = models.BooleanField(default=True)
    gateway = models.ForeignKey(Gateway, models.CASCADE, null=True, blank=True)
    least_severity = models.CharField(
        max_length=10, choices=Severity.choices, default=Severity.WARNING
    )
    language = models.CharField(max_length=5, choices=LANGUAGES, blank=True)
    time_zone = models.CharField(max_length=50, blank=True)
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_until = models.TimeField(null=True, blank=True)
    most_per_hour = models.PositiveSmallIntegerField(default=20)
    timeout_seconds = models.PositiveSmallIntegerField(default=10)
    last_sent_at = models.DateTimeField(null=True, blank=True, editable=False)
    failing_since = models.DateTimeField(null=True, blank=True, editable=False)
    last_error = models.CharField(max_length=500, blank=True, editable=False)
    # Lease of the current sender.
    sending_until = models.DateTimeField(null=True, blank=True, editable=False)
    unsubscribed_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "workspace", "kind"],
                name="one_subscription_of_a_person",
                condition=Q(user__isnull=False),
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                name="subscription_has_a_target",
                condition=Q(user__isnull=False) | Q(channel__isnull=False) | ~Q(sealed=""),
            ),
            models.CheckConstraint(
                name="quiet_hours_begin_and_end",
                condition=Q(quiet_from__isnull=True, quiet_until__isnull=True)
                | Q(quiet_from__isnull=False, quiet_until__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        whom = self.channel or self.user or self.workspace or "operators"
        return f"{self.get_kind_display()} of {whom}"

    @property
    def target(self) -> str:
        return unseal(self.sealed) if self.sealed else ""

    @target.setter
    def target(self, value: str) -> None:
        self.sealed = seal(value)

    @property
    def signing_key(self) -> str:
        """Secret of a webhook's signature, as Standard Webhooks writes it: "whsec_…"."""
        return unseal(self.sealed_key) if self.sealed_key else ""

    @signing_key.setter
    def signing_key(self, value: str) -> None:
        self.sealed_key = seal(value)


class Delivery(models.Model):
    """Something to be told through one subscription: the queue of record.

    `letter`: the message that it goes in. Set at the first attempt and kept at the next ones, so
    that a receiver can recognise a repeat. `is_held`: quiet hours have put it off.
    """

    class What(models.TextChoices):
        LOST = "lost", "lost"
        MORE = "more", "more were lost"
        REMINDER = "reminder", "reminder"
        BACK = "back", "connected again"
        TEST = "test", "test"

    class State(models.TextChoices):
        PENDING = "pending", "to be sent"
        SENT = "sent", "sent"
        CANCELLED = "cancelled", "not needed any more"
        DEAD = "dead", "could not be sent"

    notice = models.ForeignKey(
        Notice, models.CASCADE, null=True, blank=True, related_name="deliveries"
    )
    subscription = models.ForeignKey(Subscription, models.CASCADE, related_name="deliveries")
    what = models.CharField(max_length=10, choices=What.choices)
    round = models.PositiveSmallIntegerField(default=0)
    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    letter = models.UUIDField(null=True, blank=True, editable=False)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    is_held = models.BooleanField(default=False)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "deliveries"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["notice", "subscription", "what", "round"],
                name="delivered_once",
                condition=Q(notice__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"], name="delivery_due", condition=Q(state="pending")
            ),
            models.Index(
                fields=["subscription", "-id"],
                name="delivery_unread",
                condition=Q(read_at__isnull=True, state="sent"),
            ),
            models.Index(fields=["subscription", "sent_at"], name="delivery_sent"),
        ]

    def __str__(self) -> str:
        return f"{self.get_what_display()}: {self.subscription}"


class Watermark(models.Model):
    """How far transitions were judged. One row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    began_at = models.DateTimeField(db_default=Now())
    judged_until = models.DateTimeField(null=True)
    swept_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.CheckConstraint(name="one_watermark", condition=Q(id=1))]

    def __str__(self) -> str:
        return f"judged until {self.judged_until}"
