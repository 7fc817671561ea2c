"""Five plain words for eleven statuses: whose turn is it? Every account is in exactly one group."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict

from django.db import models
from django.db.models import Case, Count, OuterRef, Q, QuerySet, Subquery, Value, When

from accounts.explain.instruction import REPAIRED, pausing_kinds
from accounts.models import Account, Gateway, Repair
from accounts.words.reasons import REASONS, TRANSIENT_HOLD_SECONDS
from accounts.words.status import LIVE, Status, Wanted
from accounts.words.step_codes import ASKS_A_HUMAN, RESTARTS, StepCode
from reconciliation.models import Finding

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations


class Shown(TypedDict):
    """What `with_group` adds to an account, and the list the moment it was looked at. `at_work`:
    the state of its open repair, if there is one."""

    shown: str
    urgency: int
    group: str
    turn: int
    at_work: str | None
    has_twin: bool
    seen_now: datetime


ShownAccount: TypeAlias = "WithAnnotations[Account, Shown]"
# The checker knows no annotated queryset that can be filtered by its annotations.
Accounts: TypeAlias = QuerySet[Any]


class Group(models.TextChoices):
    HUMAN = "human", "Needs a human"
    BLIND = "blind", "Unknown: gateway not reachable"
    HEALING = "healing", "Recovering automatically"
    CONNECTED = "connected", "Connected"
    STOPPED = "stopped", "Stopped"


MEANINGS: dict[Group, str] = {
    Group.HUMAN: "an operator must act: scan, restart, decide",
    Group.BLIND: "the gateway cannot be read, or its list is incomplete: check the gateway",
    Group.HEALING: "not connected; expected to come back without an operator",
    Group.CONNECTED: "the gateway says connected; each row shows the proof and its age",
    Group.STOPPED: "switched off, as wanted",
}

# A person is asked for wherever the reason's instruction asks for something.
_HUMAN_REASONS = [reason.value for reason, meaning in REASONS.items() if meaning.needs_human]
_LOST_TO_A_HUMAN = [Status.LOGGED_OUT, Status.BLOCKED, Status.FAILED]


# A loss for one of these is no loss: another row, or another read, has the word.
_NOTHING_TO_DO = [
    reason.value
    for reason, meaning in REASONS.items()
    if not meaning.repairable and not meaning.needs_human
]


def _needs_a_human(now: datetime) -> Q:
    """Rows for which accounts.explain.explanation has an instruction. `shown` is asked last: for
    most rows PostgreSQL then need not work it out."""
    heals_until = now - timedelta(seconds=TRANSIENT_HOLD_SECONDS)
    has_not_healed = Q(status=Status.DISCONNECTED, status_since__lte=heals_until) & ~Q(
        status_reason__in=_NOTHING_TO_DO
    )
    stopped = Q(status=Status.STOPPED, merged_into__isnull=True)
    is_paused = Q(gateway__kind__in=pausing_kinds(), gateway__mode=Gateway.Mode.ACT)
    runs_unwanted = Q(wanted=Wanted.STOPPED, status__in=sorted(LIVE)) & ~is_paused
    awaits_scan = Q(wanted=Wanted.RUNNING, status=Status.QR_SCANNING)
    by_reason = Q(wanted=Wanted.RUNNING, status_reason__in=_HUMAN_REASONS)
    alive = Q(status__in=[Status.CONNECTING, Status.UNRESPONSIVE])
    unresponsive = Q(status=Status.UNRESPONSIVE)
    gone = Q(status__in=[Status.PENDING, Status.DISCONNECTED])
    decides = Q(wanted=Wanted.RUNNING, next_step_code__in=sorted(ASKS_A_HUMAN))
    lost = (
        Q(wanted=Wanted.RUNNING) & (Q(status__in=_LOST_TO_A_HUMAN) | has_not_healed | stopped)
        | decides & Q(status=Status.DISCONNECTED)
        | by_reason & gone
    )
    noted = Q(next_step_code__in=sorted(RESTARTS)) | Q(
        next_step_code=StepCode.AWAITS_LIST, status_since__gt=heals_until
    )
    planned = Q(status__in=sorted(REPAIRED)) & noted
    idle = ~Q(pk__in=_at_work()) & ~(planned & Q(wanted=Wanted.RUNNING))
    doubled = Q(wanted=Wanted.RUNNING, status=Status.CONNECTED, pk__in=_twins())
    odd = (
        awaits_scan | doubled | (runs_unwanted | by_reason & alive | decides & unresponsive) & idle
    )
    return lost & idle | odd & Q(shown__in=sorted(LIVE))


def _twins() -> QuerySet[Finding, Any]:
    """Accounts whose number another one runs with: few, as well."""
    found = Finding.objects.filter(kind=Finding.Kind.TWIN, ended_at__isnull=True)
    return found.filter(account__isnull=False).order_by().values("account")


def _at_work() -> QuerySet[Repair, Any]:
    """Accounts whose start or stop waits or is under way: few, so that PostgreSQL looks them up
    once."""
    return Repair.objects.filter(state__in=Repair.OPEN).order_by().values("account")


def with_group(now: datetime, *, hidden: bool = False) -> Accounts:
    """Accounts with what Shown says (`turn` 0: needs a human); with `hidden` also those that were
    archived or merged."""
    human = _needs_a_human(now)
    is_off = Q(wanted=Wanted.STOPPED) | Q(status=Status.STOPPED) & ~Q(pk__in=_at_work())
    group = Case(
        When(human, then=Value(Group.HUMAN.value)),
        When(is_off, then=Value(Group.STOPPED.value)),
        When(shown=Status.UNKNOWN, then=Value(Group.BLIND.value)),
        When(status=Status.CONNECTED, then=Value(Group.CONNECTED.value)),
        default=Value(Group.HEALING.value),
        output_field=models.CharField(),
    )
    turn = Case(When(human, then=Value(0)), default=Value(1), output_field=models.IntegerField())
    mine = Repair.objects.filter(account=OuterRef("pk"), state__in=Repair.OPEN).order_by()
    at_work = Subquery(mine.values("state")[:1])
    accounts = Account.objects.with_shown_status(now).annotate(group=group, turn=turn)
    has_twin = Case(
        When(pk__in=_twins(), then=Value(True)),
        default=Value(False),
        output_field=models.BooleanField(),
    )
    accounts = accounts.annotate(at_work=at_work, has_twin=has_twin)
    in_use: Accounts = accounts if hidden else accounts.visible()
    return in_use


def counts(accounts: Accounts) -> dict[Group, int]:
    """Count `accounts` (annotated by `with_group`) by group, in one query."""
    rows = accounts.order_by().values_list("group").annotate(number=Count("pk"))
    found = dict(rows)
    return {group: found.get(group.value, 0) for group in Group}


def rows_between(accounts: Accounts, start: int, stop: int) -> Accounts:
    """Return these rows of an ordered queryset, ids first: PostgreSQL then sorts ten thousand small
    rows in memory, not whole ones on disk."""
    ids = list(accounts.values_list("pk", flat=True)[start:stop])
    return accounts.filter(pk__in=ids)
