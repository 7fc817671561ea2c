"""A person's second chance for deliveries: apply them once more, or discard them. What redriving
would do can be seen before it is done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Max

from accounts import clock
from accounts.models import Transition
from webhooks.models import Delivery
from webhooks.processing import attempt

State = Delivery.State
# What was applied says nothing new.
REDRIVABLE = frozenset(
    {State.PENDING, State.IGNORED, State.SUPERSEDED, State.DEAD, State.DISCARDED}
)
DISCARDABLE = frozenset({State.PENDING, State.DEAD})
CHANGES_NAMED = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An account whose status is another afterwards."""

    account: str
    was: str
    now: str

    def __str__(self) -> str:
        return f"{self.account} {self.was} → {self.now}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Redriven:
    """What came of it: the accounts that changed, and how many deliveries ended in which state."""

    changes: Sequence[Change]
    states: Counter[str]

    @property
    def accounts(self) -> str:
        """ "2 accounts: 62811801641 connected → disconnected, …", or "no account"."""
        number = len(self.changes)
        if not number:
            return "no account"
        named = ", ".join(str(change) for change in self.changes[:CHANGES_NAMED])
        more = f", and {number - CHANGES_NAMED} more" if number > CHANGES_NAMED else ""
        return f"{number} account{'s' if number > 1 else ''}: {named}{more}"

    @property
    def ends(self) -> str:
        return ", ".join(f"{number} {state}" for state, number in sorted(self.states.items()))


def why_not_redriven(delivery: Delivery) -> str:
    """Why it cannot be; "" where it can."""
    if "kind" not in delivery.said:
        return "it was not understood, so that its words were not kept"
    return "" if delivery.state in REDRIVABLE else f"it is {delivery.state} already"


def why_not_discarded(delivery: Delivery) -> str:
    return "" if delivery.state in DISCARDABLE else f"it is {delivery.state} already"


def foresee(delivery_ids: Iterable[int]) -> Redriven:
    """Redrive them, see what came of it, and take everything back: nothing is changed, and nobody
    is told."""
    with transaction.atomic():
        redriven = redrive(delivery_ids)
        transaction.set_rollback(True)
    return redriven


@transaction.atomic
def redrive(delivery_ids: Iterable[int]) -> Redriven:
    """Apply them once more, oldest first. Newer truth wins, as it did the first time."""
    last = Transition.objects.aggregate(last=Max("pk"))["last"] or 0
    deliveries = _locked(delivery_ids, REDRIVABLE)
    now = clock.database_now()
    for delivery in deliveries:
        if not why_not_redriven(delivery):
            attempt(delivery, now=now)
    return Redriven(
        changes=_changes(deliveries, after=last),
        states=Counter(delivery.state for delivery in deliveries),
    )


def _changes(deliveries: Iterable[Delivery], *, after: int) -> list[Change]:
    evidence = [f"delivery {delivery.pk}" for delivery in deliveries]
    rows = Transition.objects.filter(pk__gt=after, evidence__in=evidence).order_by("pk")
    changes: dict[int, Change] = {}
    for row in rows.select_related("account"):
        was = changes[row.account_id].was if row.account_id in changes else row.from_status
        changes[row.account_id] = Change(account=str(row.account), was=was, now=row.to_status)
    return [change for change in changes.values() if change.was != change.now]


@transaction.atomic
def discard(delivery_ids: Iterable[int], *, why: str) -> int:
    """Not to be tried again, for a reason; how many. What failed first is kept beside it."""
    deliveries = _locked(delivery_ids, DISCARDABLE)
    now = clock.database_now()
    for delivery in deliveries:
        delivery.state, delivery.error = State.DISCARDED, why[:500]
        delivery.settled_at, delivery.next_attempt_at = now, None
    Delivery.objects.bulk_update(deliveries, ["state", "error", "settled_at", "next_attempt_at"])
    return len(deliveries)


def _locked(delivery_ids: Iterable[int], states: Iterable[str]) -> list[Delivery]:
    return list(
        Delivery.objects.select_for_update()
        .filter(pk__in=list(delivery_ids), state__in=list(states))
        .order_by("received_at", "pk")
    )
