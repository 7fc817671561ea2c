"""Attempts to bring a session back."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from accounts.models.accounts import Account
from accounts.models.gateways import Gateway


class Repair(models.Model):
    """One attempt to bring a session back: who asked for it and why, what was done, what came of
    it. Whoever asks, people and Rollcall, waits in this one queue, so that its limits hold for all.
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

    # Of an account at most one: while a start may still happen, no second one is begun.
    OPEN = (State.WAITING, State.RUNNING, State.UNCLEAR)
    # These take up their gateway.
    IN_FLIGHT = (State.RUNNING, State.UNCLEAR)

    account = models.ForeignKey(Account, models.PROTECT, related_name="repairs")
    gateway = models.ForeignKey(Gateway, models.PROTECT, related_name="repairs")
    session_id = models.CharField(max_length=255)
    asked_by = models.CharField(max_length=10, choices=Asker.choices)
    actor = models.CharField(max_length=150, blank=True)
    # What was wrong, by our table of reasons and in words.
    reason = models.CharField(max_length=40, blank=True)
    why = models.CharField(max_length=500, blank=True)
    steps = models.JSONField(default=list)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    outcome = models.CharField(max_length=500, blank=True)
    asked_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    # Running: by then whoever carries it out has died, and its outcome must be read. Unclear: by
    # then it is decided by what was read last.
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
        """Who asked, by name where it is a person with one."""
        if self.asked_by == self.Asker.ROLLCALL:
            return str(self.Asker.ROLLCALL.label)
        return self.actor or str(self.get_asked_by_display())

    @property
    def steps_taken(self) -> str:
        """What is asked of its gateway, in order: "stop, start"."""
        return ", ".join(str(step) for step in self.steps)

    @property
    def duration(self) -> str:
        """How long it took from its turn on; empty while it lasts."""
        if self.started_at is None or self.finished_at is None:
            return ""
        return f"{max(0.0, (self.finished_at - self.started_at).total_seconds()):.1f} s"
