"""The inbox: every webhook as it was received, and what became of it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from accounts.models import Account, Gateway


class Delivery(models.Model):
    """One webhook: its envelope and what may be kept of it, never message content.

    `state` says what became of it, `error` why. `pending` ones are tried again by the sweeper.
    """

    class State(models.TextChoices):
        PENDING = "pending", "pending: will be tried again"
        APPLIED = "applied", "applied"
        IGNORED = "ignored", "ignored"
        SUPERSEDED = "superseded", "superseded by newer truth"
        DEAD = "dead", "dead letter"

    gateway = models.ForeignKey(Gateway, models.CASCADE, related_name="deliveries")
    account = models.ForeignKey(
        Account, models.SET_NULL, null=True, blank=True, related_name="deliveries"
    )
    event = models.CharField(max_length=100)
    session_id = models.CharField(max_length=255, blank=True)
    # The workspace that the payload claims; an account's own is the account's.
    workspace_claim = models.BigIntegerField(null=True, blank=True)
    path = models.CharField(max_length=200, blank=True)
    # What the gateway said, translated: enough to apply it again, nothing that must not be kept.
    said = models.JSONField(default=dict, blank=True)
    size_bytes = models.BigIntegerField(default=0)
    digest = models.CharField(max_length=64, blank=True)
    state = models.CharField(max_length=12, choices=State.choices, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=500, blank=True)
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
            models.Index(fields=["gateway", "session_id", "-received_at"], name="delivery_session"),
            models.Index(fields=["account", "-id"], name="delivery_account"),
            models.Index(fields=["received_at"], name="delivery_received"),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.session_id}".strip()
