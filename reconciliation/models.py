"""Roll calls, and the differences that they found."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from accounts.models import Account, Gateway


class Run(models.Model):
    """Roll call of one gateway."""

    class Outcome(models.TextChoices):
        IN_SYNC = "in_sync", "in sync"
        DRIFT = "drift", "differences found"
        PARTIAL = "partial", "the list was not complete"
        UNREADABLE = "unreadable", "the gateway could not be read"

    gateway = models.ForeignKey(Gateway, models.CASCADE, related_name="runs")
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    outcome = models.CharField(max_length=12, choices=Outcome.choices)
    why = models.CharField(max_length=500, blank=True)
    sessions_listed = models.PositiveIntegerField(null=True, blank=True)
    findings_count = models.PositiveIntegerField(default=0)
    held_count = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = "roll call"
        verbose_name_plural = "roll calls"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["gateway", "-id"], name="run_gateway"),
            models.Index(fields=["started_at"], name="run_started"),
        ]

    def __str__(self) -> str:
        return f"roll call {self.pk} of {self.gateway}"


class Finding(models.Model):
    """Difference between our rows and a gateway's list.

    One row for as long as it is found: a roll call that finds it again only moves `last_seen_at`.
    """

    class Kind(models.TextChoices):
        MISSING = "missing", "we say it runs, the gateway has no such session"
        DIFFERS = "differs", "the gateway says something else"
        UNCLAIMED = "unclaimed", "the gateway has a session that no account knows"
        DUPLICATE = "duplicate", "two sessions have one number"
        UNWANTED = "unwanted", "running, but should be stopped"
        LIST_LIED = "list_lied", "alive, but absent from the gateway's list"
        TWIN = "twin", "another account has the same number"
        MORE = "more", "more such sessions than are kept one by one"

    gateway = models.ForeignKey(Gateway, models.CASCADE, related_name="findings")
    account = models.ForeignKey(
        Account, models.SET_NULL, null=True, blank=True, related_name="findings"
    )
    run = models.ForeignKey(Run, models.SET_NULL, null=True, related_name="findings")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    session_id = models.CharField(max_length=255)
    phone_number = models.CharField(max_length=15, blank=True)
    # As the gateway reports it; we may have no such workspace.
    workspace_id = models.BigIntegerField(null=True, blank=True)
    was = models.CharField(max_length=20, blank=True)
    now = models.CharField(max_length=20, blank=True)
    held = models.BooleanField(default=False)
    why = models.CharField(max_length=500, blank=True)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "difference"
        verbose_name_plural = "drift"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["gateway", "session_id", "kind"],
                name="one_open_finding",
                condition=Q(ended_at__isnull=True),
            ),
        ]
        indexes = [
            models.Index(fields=["account", "-id"], name="finding_account"),
            models.Index(fields=["last_seen_at"], name="finding_last_seen"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.session_id}"
