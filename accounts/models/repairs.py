"""Attempts to bring a session back."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from accounts.models.accounts import Account
from accounts.models.gateways import Gateway


class Repair(models.Model):
    """Attempt to bring a session back: who asked and why, what was done, and its outcome.

    Requests of people and of Rollcall wait in this one queue, so that its limits apply to all.
    """

    class Asker(models.TextChoices):
        ROLLCALL = "rollcall", "Rollcall"
        OPERATOR = "operator", "an operator"
        CUSTOMER = "customer", "a customer"

    class State(models.TextChoices):
        WAITING = "waiting", "waiting for its turn"
        RUNNING = "running", "under way"
        SUCCEEDED = "succeeded", "succeeded"
        FAILED = "failed", "failed"
        UNCLEAR = "unclear", "carried out: its outcome is being read"
        CANCELLED = "cancelled", "not needed any more"

    # At most one per account: while a start may still happen, no second one begins.
    OPEN = (State.WAITING, State.RUNNING, State.UNCLEAR)
    # These occupy their gateway.
    IN_FLIGHT = (State.RUNNING, State.UNCLEAR)

    account = models.ForeignKey(Account, models.PROTECT, related_name="repairs")
    gateway = models.ForeignKey(Gateway, models.PROTECT, related_name="repairs")
    session_id = models.CharField(max_length=255)
    asked_by = models.CharField(max_length=10, choices=Asker.choices)
    actor = models.CharField(max_length=150, blank=True)
    # What was wrong: the reason code, and words.
    reason = models.CharField(max_length=40, blank=True)
    why = models.CharField(max_length=500, blank=True)
    steps = models.JSONField(default=list)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    outcome = models.CharField(max_length=500, blank=True)
    # Why the gateway refused a step: a reason code, if its kind knows the gateway's words.
    refused_for = models.CharField(max_length=40, blank=True, db_default="")
    asked_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    # Running: the worker is dead by then, and the outcome must be read. Unclear: the last read
    # decides then.
    lease_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "account_repairs"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["account"],
                name="one_open_repair",
                condition=Q(state__in=["waiting", "running", "unclear"]),
            ),
        ]
        indexes = [
            models.Index(fields=["account", "-id"], name="repair_account"),
            models.Index(fields=["gateway", "-started_at"], name="repair_gateway"),
            models.Index(
                fields=["gateway", "state"],
                name="repair_open",
                condition=Q(state__in=["waiting", "running", "unclear"]),
            ),
        ]

    def __str__(self) -> str:
        return f"repair {self.pk} of {self.account}"

    @property
    def asker(self) -> str:
        """Name of the person who asked, or the kind of asker."""
        if self.asked_by == self.Asker.ROLLCALL:
            return str(self.Asker.ROLLCALL.label)
        return self.actor or str(self.get_asked_by_display())

    @property
    def steps_taken(self) -> str:
        """Steps asked of the gateway, in order: "stop, start"."""
        return ", ".join(str(step) for step in self.steps)

    @property
    def duration(self) -> str:
        """Duration in seconds since its turn came, with the unit; empty while it lasts."""
        if self.started_at is None or self.finished_at is None:
            return ""
        return f"{max(0.0, (self.finished_at - self.started_at).total_seconds()):.1f} s"
