"""Accounts, the sessions that they ran on, and every change of their status."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Greatest, Now

from accounts.models.gateways import Gateway
from accounts.models.proof import Proof, last_proof
from accounts.models.workspaces import Workspace
from accounts.words.durations import can_be_read, is_stale, read_kinds, word_lives
from accounts.words.status import LIVE, URGENCY, Source, Status, Wanted, is_fresh
from accounts.words.step_codes import PlannedStep, step_of_row


class AccountQuerySet(models.QuerySet["Account"]):
    def visible(self) -> Self:
        """Exclude tombstones of merges and archived accounts."""
        return self.filter(merged_into__isnull=True, archived_at__isnull=True)

    def with_freshness(self) -> Self:
        """Annotate `fresh`: when the status was last positively known. See Account.fresh_at."""
        listed = Case(
            When(unshown_since__isnull=True, then=F("gateway__listed_at")),
            output_field=models.DateTimeField(),
        )
        heard = Case(
            When(gateway__kind__in=read_kinds(), then=None),
            default=Greatest("webhook_at", "last_activity_at"),
            output_field=models.DateTimeField(),
        )
        # PostgreSQL's GREATEST ignores nulls.
        return self.annotate(fresh=Greatest("read_at", "status_since", listed, heard))

    def expired(self, now: datetime) -> Self:
        """Select live statuses that nobody has positively seen for too long."""
        return self.with_freshness().filter(_is_expired(now))

    def with_shown_status(self, now: datetime) -> Self:
        """Annotate `shown`: the status as it may be shown at `now`; and `urgency`: what needs a
        human first."""
        expired = _is_expired(now)
        shown = Case(
            When(expired, then=Value(Status.UNKNOWN.value)),
            default=F("status"),
            output_field=models.CharField(),
        )
        # Rank by `status`: an unexpired status is shown as it is. PostgreSQL then computes the
        # freshness once per row, not once per rank.
        urgency = Case(
            When(expired, then=Value(URGENCY[Status.UNKNOWN])),
            *(When(status=status, then=Value(rank)) for status, rank in URGENCY.items()),
            output_field=models.IntegerField(),
        )
        return self.with_freshness().annotate(shown=shown).annotate(urgency=urgency)


def _is_expired(now: datetime) -> Q:
    return Q(status__in=LIVE) & is_stale(now)


class NumberKey(models.Func):
    """The database's key that all spellings of a number share."""

    function = "whatsapp_number_key"
    output_field = models.TextField()


class Account(models.Model):
    """A WhatsApp number of a workspace, the session it runs on, and what we know of it.

    `accounts.state.observe.observe` is the only writer of `status`. People see `shown_status`: a
    live status that is no longer fresh reads `unknown`, even if no process of ours runs that could
    write that to the row.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="accounts")
    gateway = models.ForeignKey(Gateway, models.PROTECT, related_name="accounts")
    phone_number = models.CharField(max_length=15, null=True, blank=True)  # noqa: DJ001 - unique
    session_id = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001 - unique
    wanted = models.CharField(max_length=10, choices=Wanted.choices, default=Wanted.RUNNING)

    status = models.CharField(
        max_length=20, choices=Status.choices, default=Status.PENDING, editable=False
    )
    status_reason = models.CharField(max_length=40, blank=True, editable=False)
    status_raw = models.CharField(max_length=200, blank=True, editable=False)
    # Number that its session was linked to, if it is not the account's (wrong_number).
    scanned_number = models.CharField(max_length=15, blank=True, editable=False)
    # A limit that WhatsApp sets while it is connected (accounts.words.restrictions), and its end.
    restricted_for = models.CharField(max_length=40, blank=True, db_default="", editable=False)
    restricted_until = models.DateTimeField(null=True, blank=True, editable=False)
    status_since = models.DateTimeField(db_default=Now(), editable=False)
    # The last live status, kept while the gateway cannot be read.
    last_known_status = models.CharField(
        max_length=20, choices=Status.choices, blank=True, editable=False
    )
    observed_at = models.DateTimeField(null=True, blank=True, editable=False)
    webhook_at = models.DateTimeField(null=True, blank=True, editable=False)
    # The own time of the newest event that told its state, by its gateway's clock: it may be hours
    # off, and orders the events of this session only.
    event_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Start of the last read that positively showed this session, and since when complete lists have
    # not shown it.
    read_at = models.DateTimeField(null=True, blank=True, editable=False)
    unshown_since = models.DateTimeField(null=True, blank=True, editable=False)
    connected_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_connected_at = models.DateTimeField(null=True, blank=True, editable=False)
    # When it was last seen to be other than connected: older proof is of another connection.
    lost_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Evidence of life: the live client spoke (message, acknowledgement). Proof is the strong kind.
    last_activity_at = models.DateTimeField(null=True, blank=True, editable=False)
    proven_at = models.DateTimeField(null=True, blank=True, editable=False)
    proof = models.CharField(max_length=60, blank=True, editable=False)
    qr_seen_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Usual silence: a moving average of the gaps between signs of life.
    usual_gap_seconds = models.FloatField(null=True, blank=True, editable=False)

    # Probes of the live client: the last one and its answer, the failures in a row, and since when
    # the claim "connected" is known to be wrong. `probing_until` is the lease of the probe under
    # way: a session never has two at once.
    probed_at = models.DateTimeField(null=True, blank=True, editable=False)
    probe_answer = models.CharField(max_length=200, blank=True, editable=False)
    probe_failures = models.PositiveSmallIntegerField(default=0, editable=False)
    probe_failing_since = models.DateTimeField(null=True, blank=True, editable=False)
    probing_until = models.DateTimeField(null=True, blank=True, editable=False)
    disproved_at = models.DateTimeField(null=True, blank=True, editable=False)

    # State of the repair, written by accounts.repair so that an explanation needs no module above.
    # The step is a StepCode (accounts.words.step_codes), "" for none; its sentence comes from it.
    strikes = models.PositiveSmallIntegerField(default=0, editable=False)
    quarantined_until = models.DateTimeField(null=True, blank=True, editable=False)
    next_step_code = models.CharField(max_length=40, blank=True, editable=False)
    next_step_arguments = models.JSONField(default=dict, editable=False)
    next_step_at = models.DateTimeField(null=True, blank=True, editable=False)

    merged_into = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, editable=False, related_name="merged"
    )
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = AccountQuerySet.as_manager()

    class Meta:
        db_table = "whatsapp_accounts"
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["phone_number", "workspace"], name="unique_phone_workspace"
            ),
            # In any spelling (accounts.words.phone_numbers).
            models.UniqueConstraint(
                NumberKey("phone_number"), "workspace", name="unique_number_workspace"
            ),
            # Checked at the end of a statement: a merge moves a session from row to row in one
            # statement.
            models.UniqueConstraint(
                fields=["gateway", "session_id"],
                name="unique_session_gateway",
                deferrable=models.Deferrable.IMMEDIATE,
            ),
        ]
        indexes = [
            models.Index(fields=["session_id"], name="account_session"),
            models.Index(fields=["gateway", "workspace"], name="account_served"),
            models.Index(fields=["status", "status_since"], name="account_status"),
            models.Index(
                fields=["status_since"], name="account_live", condition=Q(status__in=sorted(LIVE))
            ),
            # The few accounts with a planned repair step, and those that run but should be stopped.
            models.Index(
                fields=["id"],
                name="account_repair",
                condition=~Q(next_step_code="")
                | Q(strikes__gt=0)
                | Q(quarantined_until__isnull=False),
            ),
            models.Index(fields=["id"], name="account_restricted", condition=~Q(restricted_for="")),
            models.Index(
                fields=["id"],
                name="account_unwanted",
                condition=Q(wanted=Wanted.STOPPED, status__in=sorted(LIVE)),
            ),
        ]

    def __str__(self) -> str:
        return self.phone_number or self.session_id or f"account {self.pk}"

    @property
    def next_step(self) -> PlannedStep | None:
        """The step that repair does next or waits for; None if there is nothing to do."""
        return step_of_row(self.next_step_code, self.next_step_arguments)

    @property
    def fresh_at(self) -> datetime | None:
        """The moment at which the status was last positively known.

        That is its own read, a list of its gateway that showed it, or the moment the status was
        first reported. Where nothing can be read it is also the last webhook or sign of life.
        """
        moments = [self.read_at, self.status_since]
        if self.unshown_since is None:
            moments.append(self.gateway.listed_at)
        if not can_be_read(self.gateway.kind):
            moments += [self.webhook_at, self.last_activity_at]
        return max((moment for moment in moments if moment), default=None)

    @property
    def last_proof(self) -> Proof | None:
        """The last proof of life. Needs self.gateway."""
        return last_proof(
            kind=self.gateway.kind,
            status=self.status,
            since=self.status_since,
            lost_at=self.lost_at,
            proven_at=self.proven_at,
            by=self.proof,
            read_at=self.read_at,
            listed_at=self.gateway.listed_at,
            unshown_since=self.unshown_since,
        )

    def shown_status(self, now: datetime) -> Status:
        """Return the status as it may be shown at `now`: an expired live status is `unknown`."""
        status = Status(self.status)
        if status not in LIVE or self.fresh_at is None:
            return status
        lives = word_lives(self.gateway.kind)
        return status if is_fresh(self.fresh_at, now, lives=lives) else Status.UNKNOWN


class SupersededSession(models.Model):
    """A session that an account once ran on. Its reports no longer move the account.

    `confirmed_at` null: the take-over was a claim that no read has confirmed yet. A read that
    denies it gives the account back to this session.
    """

    gateway = models.ForeignKey(Gateway, models.PROTECT, related_name="+")
    session_id = models.CharField(max_length=255)
    account = models.ForeignKey(Account, models.PROTECT, related_name="superseded_sessions")
    superseded_at = models.DateTimeField(db_default=Now())
    confirmed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "replaced session"
        ordering = ["-superseded_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["gateway", "session_id"], name="unique_superseded_session"
            ),
        ]
        indexes = [models.Index(fields=["session_id"], name="superseded_session")]

    def __str__(self) -> str:
        return self.session_id


class Transition(models.Model):
    """Change of status, or of the reason of one. History, notices, live push and metrics read it.

    Append-only, but for an account that comes and goes: `folded` is the number of further changes
    that this row stands for (accounts.state.history).
    """

    account = models.ForeignKey(Account, models.PROTECT, related_name="transitions")
    from_status = models.CharField(max_length=20, choices=Status.choices)
    to_status = models.CharField(max_length=20, choices=Status.choices)
    reason = models.CharField(max_length=40, blank=True)
    raw = models.CharField(max_length=200, blank=True)
    source = models.CharField(max_length=20, choices=Source.choices)
    actor = models.CharField(max_length=150, blank=True)
    session_id = models.CharField(max_length=255, blank=True)
    evidence = models.CharField(max_length=100, blank=True)
    observed_at = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now())
    folded = models.PositiveIntegerField(default=0, db_default=0)

    class Meta:
        db_table = "account_transitions"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["account", "-id"], name="transition_account"),
            models.Index(fields=["created_at"], name="transition_created"),
        ]

    def __str__(self) -> str:
        return f"{self.from_status} → {self.to_status}"

    @property
    def change(self) -> str:
        """The change in words."""
        if self.folded:
            came_from, is_now = self.get_from_status_display(), self.get_to_status_display()
            return f"{came_from} → {is_now}, after {self.folded} more changes that came and went"
        if self.from_status == self.to_status:
            return f"{self.get_to_status_display()}, for another reason"
        return f"{self.get_from_status_display()} → {self.get_to_status_display()}"
