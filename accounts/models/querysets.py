"""Questions about accounts, as SQL."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Greatest

from accounts.words.freshness import READ_KINDS, is_stale
from accounts.words.status import LIVE, URGENCY, Status

if TYPE_CHECKING:
    from accounts.models import Account  # noqa: F401 - only in the base's quotes


class AccountQuerySet(models.QuerySet["Account"]):
    def visible(self) -> Self:
        """Without tombstones of merges and archived accounts."""
        return self.filter(merged_into__isnull=True, archived_at__isnull=True)

    def with_freshness(self) -> Self:
        """`fresh`: when its word was last positively known. See Account.fresh_at."""
        listed = Case(
            When(unshown_since__isnull=True, then=F("gateway__listed_at")),
            output_field=models.DateTimeField(),
        )
        heard = Case(
            When(gateway__kind__in=READ_KINDS, then=None),
            default=Greatest("webhook_at", "last_activity_at"),
            output_field=models.DateTimeField(),
        )
        # PostgreSQL's GREATEST ignores nulls.
        return self.annotate(fresh=Greatest("read_at", "status_since", listed, heard))

    def expired(self, now: datetime) -> Self:
        """Live words that nobody has positively seen for too long."""
        return self.with_freshness().filter(_is_expired(now))

    def with_shown_status(self, now: datetime) -> Self:
        """`shown`: the status as it may be shown at `now`; `urgency`: what needs a human first."""
        expired = _is_expired(now)
        shown = Case(
            When(expired, then=Value(Status.UNKNOWN.value)),
            default=F("status"),
            output_field=models.CharField(),
        )
        # By `status`, since a word that is not expired is shown as it is: PostgreSQL then works out
        # the freshness once for each row, and not once for each rank.
        urgency = Case(
            When(expired, then=Value(URGENCY[Status.UNKNOWN])),
            *(When(status=status, then=Value(rank)) for status, rank in URGENCY.items()),
            output_field=models.IntegerField(),
        )
        return self.with_freshness().annotate(shown=shown).annotate(urgency=urgency)


def _is_expired(now: datetime) -> Q:
    return Q(status__in=LIVE) & is_stale(now)
