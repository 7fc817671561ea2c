"""Mark a live status as unknown if nobody has positively seen it for 45 s."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet

from accounts.incidents import incidents
from accounts.models import Account, Incident
from accounts.state import maintenance
from accounts.state.observations import Observation, Outcome
from accounts.state.observe import observe
from accounts.store import clock
from accounts.words.durations import can_be_read
from accounts.words.status import Source, Status
from gateways.base import Reason

# Bound memory and run time per sweep.
PAGE = 500
MOST_AT_ONCE = 10_000


def expire_live_words() -> list[Outcome]:
    """Sweep all accounts once and return the outcomes.

    Runs apart from the gateways' tasks, so that it works when they hang. Handles the first
    MOST_AT_ONCE accounts; the next sweep handles the rest. `observe` checks again under the lock,
    so anything read meanwhile stays.
    """
    now = clock.database_now()
    excuses: Excuses | None = None
    outcomes: list[Outcome] = []
    last = 0
    for _ in range(0, MOST_AT_ONCE, PAGE):
        page = list(_stale(now, after=last))
        if not page:
            break
        excuses = excuses or Excuses.at(now)
        outcomes += observe(_unseen(account, now, excuses) for account in page)
        last = page[-1].pk
    return outcomes


def _stale(now: datetime, *, after: int) -> QuerySet[Account]:
    stale = Account.objects.expired(now).filter(pk__gt=after, session_id__isnull=False)
    return stale.select_related("gateway").order_by("pk")[:PAGE]


def _unseen(account: Account, now: datetime, excuses: Excuses) -> Observation:
    return Observation(
        gateway_id=account.gateway_id,
        session_id=str(account.session_id),
        status=Status.UNKNOWN,
        reason=why_unseen(account, now, excuses),
        observed_at=now,
        source=Source.SWEEP,
        actor="rollcall",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Excuses:
    """Circumstances in which a gateway may not be at fault: maintenance, and a suspicion that
    Rollcall itself is, because no gateway can be read."""

    maintained: Collection[int] = ()
    suspect_ourselves: bool = False

    @classmethod
    def at(cls, now: datetime) -> Excuses:
        return cls(
            maintained=maintenance.under_maintenance(now),
            suspect_ourselves=incidents.is_open(Incident.Kind.SELF_CHECK),
        )


NO_EXCUSES = Excuses()


def why_unseen(account: Account, now: datetime, excuses: Excuses = NO_EXCUSES) -> Reason:
    """Return the reason why no read shows the account."""
    gateway = account.gateway
    expires = timedelta(seconds=settings.LIVE_WORD_EXPIRES_AFTER_SECONDS)
    if gateway.run_started_at is None or gateway.run_started_at + expires <= now:
        return Reason.OVERDUE
    if gateway.pk in excuses.maintained:
        return Reason.MAINTENANCE
    if not can_be_read(gateway.kind):
        return Reason.UNHEARD
    if gateway.blind_since is not None:
        return Reason.SUSPECT_OURSELVES if excuses.suspect_ourselves else Reason.UNREACHABLE
    if account.unshown_since is not None and gateway.boot_seen_at is not None:
        return Reason.BOOTING
    listed_lately = gateway.listed_at is not None and gateway.listed_at + expires > now
    if account.unshown_since is None or not listed_lately:
        return Reason.PARTIAL_LIST
    return Reason.UNANSWERED if account.probe_failing_since is not None else Reason.UNSHOWN
