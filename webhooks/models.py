"""The inbox: every webhook as it was received, and its outcome."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from accounts.models import Account, Gateway


class Delivery(models.Model):
    """One webhook: its envelope and the fields that may be stored, never message content.

    `state` is the outcome, `error` its reason. The sweeper retries `pending` ones.
    """

    class State(models.TextChoices):
        PENDING = "pending", "pending: will be tried again"
        APPLIED = "applied", "applied"
        IGNORED = "ignored", "ignored"
        SUPERSEDED = "superseded", "superseded by newer truth"
        DEAD = "dead", "dead letter"
        DISCARDED = "discarded", "discarded by a person"

    # The indexes below begin with this field.
    gateway = models.ForeignKey(Gateway, models.CASCADE, related_name="deliveries", db_index=False)
    account = models.ForeignKey(
        Account, models.SET_NULL, null=True, blank=True, related_name="deliveries", db_index=False
    )
    event = models.CharField(max_length=100)
    # The sender's own id, if it has one.
    event_id = models.CharField(max_length=255, blank=True)
    occurred_at = models.DateTimeField(null=True, blank=True)
    session_id = models.CharField(max_length=255, blank=True)
    # The workspace that the payload claims; the account's row has the real one.
    workspace_claim = models.BigIntegerField(null=True, blank=True)
    path = models.CharField(max_length=200, blank=True)
    # The translated event: enough to apply it again, nothing that must not be stored.
    said = models.JSONField(default=dict, blank=True)
    size_bytes = models.BigIntegerField(default=0)
    digest = models.CharField(max_length=64, blank=True)
    state = models.CharField(max_length=12, choices=State.choices, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=500, blank=True)
    first_error = models.CharField(max_length=500, blank=True)
    error_class = models.CharField(max_length=100, blank=True)
    # Equal to the newest delivery of its session, shortly after it. It is applied all the same.
    is_probable_retry = models.BooleanField(default=False)
    received_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "webhook_deliveries"
        ordering = ["-id"]
        verbose_name_plural = "deliveries"
        indexes = [
            models.Index(
                fields=["next_attempt_at"], name="delivery_pending", condition=Q(state="pending")
            ),
            # For pattern search, so that a prefix of a session id finds it under any collation.
            models.Index(
                fields=["session_id", "gateway", "-received_at"],
                name="delivery_of_session",
                opclasses=["varchar_pattern_ops", "int8_ops", "timestamptz_ops"],
            ),
            models.Index(fields=["account", "-id"], name="delivery_account"),
            models.Index(fields=["gateway", "-id"], name="delivery_gateway"),
            models.Index(fields=["received_at"], name="delivery_received"),
            # Finds rare rows among millions without a full scan.
            models.Index(fields=["event"], name="delivery_event"),
            models.Index(
                fields=["state", "-id"], name="delivery_not_applied", condition=~Q(state="applied")
            ),
            models.Index(
                fields=["-id"], name="delivery_retry", condition=Q(is_probable_retry=True)
            ),
            models.Index(
                F("said__kind"),
                F("id").desc(),
                name="delivery_kind",
                condition=Q(said__kind__in=["hint", "canary", "unrecognised"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.session_id}".strip()


class EventId(models.Model):
    """An event's own id, to recognise a repeat; kept longer than any sender retries."""

    gateway = models.ForeignKey(Gateway, models.CASCADE, related_name="+", db_index=False)
    event_id = models.CharField(max_length=255)
    received_at = models.DateTimeField()
    repeats = models.PositiveIntegerField(default=0)

    class Meta:
        db_table = "webhook_event_ids"
        constraints = [
            models.UniqueConstraint(fields=["gateway", "event_id"], name="unique_event_id"),
        ]
        indexes = [
            models.Index(fields=["received_at"], name="event_id_received"),
            models.Index(
                fields=["received_at"],
                name="signed_received",
                condition=Q(event_id__startswith="signed:"),
            ),
        ]

    def __str__(self) -> str:
        return self.event_id


class Forward(models.Model):
    """A state event on its way to the business's own backend; deleted once it has arrived.

    Body and headers are encrypted: they are stored only because the backend may be away for a
    while. One that is set aside blocks none behind it; one that was given up has no next
    attempt.
    """

    delivery = models.OneToOneField(Delivery, models.CASCADE, related_name="forward")
    # Copied from the delivery: the first of each gateway must be found fast.
    gateway = models.ForeignKey(Gateway, models.CASCADE, related_name="forwards", db_index=False)
    sealed_body = models.TextField(blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=500, blank=True)
    next_attempt_at = models.DateTimeField(null=True)
    is_set_aside = models.BooleanField(default=False)

    class Meta:
        db_table = "webhook_forwards"
        indexes = [
            models.Index(fields=["next_attempt_at"], name="forward_pending"),
            models.Index(fields=["gateway", "id"], name="forward_gateway"),
        ]

    def __str__(self) -> str:
        return f"forward of {self.delivery}"


class RefusedRequest(models.Model):
    """The last requests that were not trusted: a bounded ring, without content or credentials.

    `gateway` is set only if the request came from that gateway's registered address.
    """

    source = models.GenericIPAddressField()
    gateway = models.ForeignKey(Gateway, models.CASCADE, null=True, related_name="+")
    path = models.CharField(max_length=200)
    code = models.CharField(max_length=40)
    why = models.CharField(max_length=500)
    size_bytes = models.BigIntegerField(default=0)
    excerpt = models.CharField(max_length=4000, blank=True)
    received_at = models.DateTimeField()

    class Meta:
        db_table = "webhook_refused_requests"
        verbose_name = "rejected webhook"
        ordering = ["-id"]
        indexes = [models.Index(fields=["source", "-id"], name="refused_source")]

    def __str__(self) -> str:
        return f"{self.code} from {self.source}"


class Route(models.Model):
    """The last known state of the route by which a gateway's webhooks reach us."""

    gateway = models.OneToOneField(Gateway, models.CASCADE, related_name="route")
    last_received_at = models.DateTimeField(null=True)
    last_success_at = models.DateTimeField(null=True)
    last_unsigned_at = models.DateTimeField(null=True)
    last_failure_at = models.DateTimeField(null=True)
    last_failure_code = models.CharField(max_length=40, blank=True)
    last_failure_why = models.CharField(max_length=500, blank=True)
    consecutive_failures = models.PositiveIntegerField(default=0)
    # Seconds its clock was ahead (negative: behind) when that last mattered.
    clock_skew_seconds = models.IntegerField(null=True)
    # The wrong paths used within an hour before the last use: webhooks.route_monitor.wrong_path.
    wrong_paths = models.JSONField(default=dict)

    class Meta:
        db_table = "webhook_routes"

    def __str__(self) -> str:
        return f"route of {self.gateway}"


class RouteTally(models.Model):
    """The requests on a route within a minute, an hour, or ever. `gateway` null: unknown sender.

    `handling` and `lag` are histograms by the limits in webhooks.route_monitor.request_log.
    """

    class Span(models.TextChoices):
        MINUTE = "minute", "minute"
        HOUR = "hour", "hour"
        EVER = "ever", "since it was registered"

    gateway = models.ForeignKey(Gateway, models.CASCADE, null=True, related_name="tallies")
    span = models.CharField(max_length=6, choices=Span.choices)
    began_at = models.DateTimeField()
    received = models.PositiveIntegerField(default=0)
    succeeded = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    repeated = models.PositiveIntegerField(default=0)
    retried = models.PositiveIntegerField(default=0)
    misrouted = models.PositiveIntegerField(default=0)
    unsigned = models.PositiveIntegerField(default=0)
    # Status changes of the gateway's accounts: all of them, and those that the roll call saw
    # without a preceding webhook.
    changes = models.PositiveIntegerField(default=0)
    changes_missed = models.PositiveIntegerField(default=0)
    handling = ArrayField(models.PositiveIntegerField(), default=list)
    lag = ArrayField(models.PositiveIntegerField(), default=list)

    class Meta:
        db_table = "webhook_route_tallies"
        constraints = [
            models.UniqueConstraint(
                fields=["span", "began_at", "gateway"],
                name="unique_route_tally",
                nulls_distinct=False,
            ),
        ]
        indexes = [models.Index(fields=["gateway", "span", "-began_at"], name="tally_gateway")]

    def __str__(self) -> str:
        return f"{self.gateway or 'nobody'}: {self.span} of {self.began_at:%d %b %H:%M}"
