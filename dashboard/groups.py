"""Five plain words for eleven statuses: whose turn is it? Every account is in exactly one group."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict

from django.db import models
from django.db.models import Case, Count, Q, QuerySet, Value, When

from accounts.models import Account
from accounts.reasons import REASONS
from accounts.status import LIVE, Status, Wanted

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations


class Shown(TypedDict):
    """What `with_group` adds to an account, and the list the moment it was looked at."""

    shown: str
    urgency: int
    group: str
    turn: int
    seen_now: datetime


ShownAccount: TypeAlias = "WithAnnotations[Account, Shown]"
# The checker knows no annotated queryset that can be filtered by its annotations.
Accounts: TypeAlias = QuerySet[Any]


class Group(models.TextChoices):
    HUMAN = "human", "Needs a human"
    BLIND = "blind", "We cannot see"
    HEALING = "healing", "Heals by itself"
    CONNECTED = "connected", "Connected"
    STOPPED = "stopped", "Stopped"


MEANINGS: dict[Group, str] = {
    Group.HUMAN: "somebody must do something: scan, restart, decide",
    Group.BLIND: "the gateway cannot be read, or its list cannot be trusted: look at the gateway",
    Group.HEALING: "not connected; expected to come back without anybody's help",
    Group.CONNECTED: "the gateway says connected; each row shows the proof and its age",
    Group.STOPPED: "switched off, as wanted",
}

# A person is asked for wherever the reason's instruction asks for something.
_HUMAN_REASONS = [
    reason.value
    for reason, meaning in REASONS.items()
    if not meaning.instruction.startswith("Nothing")
]
_ALWAYS_HUMAN = [Status.QR_SCANNING, Status.LOGGED_OUT, Status.BLOCKED, Status.FAILED]
_HUMAN_BY_REASON = [
    Status.PENDING,
    Status.CONNECTING,
    Status.UNRESPONSIVE,
    Status.DISCONNECTED,
]


def _needs_a_human() -> Q:
    runs_unwanted = Q(wanted=Wanted.STOPPED, shown__in=sorted(LIVE))
    by_reason = Q(shown__in=_HUMAN_BY_REASON, status_reason__in=_HUMAN_REASONS)
    return runs_unwanted | Q(wanted=Wanted.RUNNING) & (Q(shown__in=_ALWAYS_HUMAN) | by_reason)


def with_group(now: datetime, *, hidden: bool = False) -> Accounts:
    """Accounts with `shown`, `urgency`, `group` and `turn` (0: needs a human); with `hidden` also
    those that were archived or merged."""
    group = Case(
        When(_needs_a_human(), then=Value(Group.HUMAN.value)),
        When(Q(wanted=Wanted.STOPPED) | Q(shown=Status.STOPPED), then=Value(Group.STOPPED.value)),
        When(shown=Status.UNKNOWN, then=Value(Group.BLIND.value)),
        When(shown=Status.CONNECTED, then=Value(Group.CONNECTED.value)),
        default=Value(Group.HEALING.value),
        output_field=models.CharField(),
    )
    turn = Case(
        When(group=Group.HUMAN, then=Value(0)),
        default=Value(1),
        output_field=models.IntegerField(),
    )
    accounts = Account.objects.with_shown_status(now).annotate(group=group).annotate(turn=turn)
    in_use: Accounts = accounts if hidden else accounts.visible()
    return in_use


def counts(accounts: Accounts) -> dict[Group, int]:
    """How many of `accounts` (annotated by `with_group`) are in each group; one query."""
    rows = accounts.order_by().values_list("group").annotate(number=Count("pk"))
    found = dict(rows)
    return {group: found.get(group.value, 0) for group in Group}
