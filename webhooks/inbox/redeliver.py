"""Redelivery by an operator: apply deliveries once more, or discard them, with a preview."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from django.db import transaction
from django.db.models import Max

from accounts.models import Transition
from accounts.store import clock
from gateways.wire.untrusted import printable
from webhooks.inbox.receive import attempt
from webhooks.models import Delivery

State = Delivery.State
# An applied delivery has nothing new to report.
REDELIVERABLE = frozenset(
    {State.PENDING, State.IGNORED, State.SUPERSEDED, State.DEAD, State.DISCARDED}
)
DISCARDABLE = frozenset({State.PENDING, State.DEAD})
CHANGES_NAMED = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChange:
    """An account whose status changes."""

    account_id: int
    account: str
    was: str
    now: str

    def __str__(self) -> str:
        return f"{self.account} {self.was} → {self.now}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Redelivered:
    """The result: the changed accounts, and the number of deliveries by final state."""

    changes: Sequence[StatusChange]
    states: Counter[str]

    @property
    def accounts(self) -> str:
        """Return "2 accounts: 62811801641 connected → disconnected, …", or "no account"."""
        number = len(self.changes)
        if not number:
            return "no account"
        named = ", ".join(str(change) for change in self.changes[:CHANGES_NAMED])
        more = f", and {number - CHANGES_NAMED} more" if number > CHANGES_NAMED else ""
        return f"{number} account{'s' if number > 1 else ''}: {named}{more}"

    def __str__(self) -> str:
        return f"{self.accounts} ({self.ends})" if self.ends else self.accounts

    @property
    def ends(self) -> str:
        return ", ".join(f"{number} {state}" for state, number in sorted(self.states.items()))


def why_not_redelivered(delivery: Delivery) -> str:
    """Return the reason why it cannot be redelivered; "" if it can."""
    if "kind" not in delivery.said:
        return "it was not understood, so that its words were not kept"
    return "" if delivery.state in REDELIVERABLE else f"it is {delivery.state} already"


def why_not_discarded(delivery: Delivery) -> str:
    return "" if delivery.state in DISCARDABLE else f"it is {delivery.state} already"


def foresee(delivery_ids: Iterable[int]) -> Redelivered:
    """Redeliver in a transaction that is rolled back, and return the result. Nothing changes,
    and no alert is sent."""
    with transaction.atomic():
        redelivered = redeliver(delivery_ids)
        transaction.set_rollback(True)
    return redelivered


@transaction.atomic
def redeliver(delivery_ids: Iterable[int]) -> Redelivered:
    """Apply the deliveries once more, oldest first. Newer observations win, as they did the
    first time."""
    last = Transition.objects.aggregate(last=Max("pk"))["last"] or 0
    deliveries = _locked(delivery_ids, REDELIVERABLE)
    now = clock.database_now()
    for delivery in deliveries:
        if not why_not_redelivered(delivery):
            attempt(delivery, now=now)
    return Redelivered(
        changes=_changes(deliveries, after=last),
        states=Counter(delivery.state for delivery in deliveries),
    )


def _changes(deliveries: Iterable[Delivery], *, after: int) -> list[StatusChange]:
    evidence = [f"delivery {delivery.pk}" for delivery in deliveries]
    rows = Transition.objects.filter(pk__gt=after, evidence__in=evidence).order_by("pk")
    return _from_first_to_last(
        StatusChange(
            account_id=row.account_id,
            account=str(row.account),
            was=row.from_status,
            now=row.to_status,
        )
        for row in rows.select_related("account")
    )


def _from_first_to_last(changes: Iterable[StatusChange]) -> list[StatusChange]:
    """Return one change per account, from first to last status; none if the two are equal."""
    whole: dict[int, StatusChange] = {}
    for change in changes:
        first = whole.get(change.account_id, change)
        whole[change.account_id] = replace(change, was=first.was)
    return [change for change in whole.values() if change.was != change.now]


def add_up(parts: Iterable[Redelivered]) -> Redelivered:
    """Combine several results into one."""
    redelivered = list(parts)
    return Redelivered(
        changes=_from_first_to_last(change for part in redelivered for change in part.changes),
        states=sum((part.states for part in redelivered), Counter()),
    )


@transaction.atomic
def discard(delivery_ids: Iterable[int], *, why: str, actor: str) -> int:
    """Mark deliveries as not to be retried, with the operator's reason. Return how many.

    The original error is kept beside the reason.
    """
    deliveries = _locked(delivery_ids, DISCARDABLE)
    now = clock.database_now()
    for delivery in deliveries:
        delivery.state, delivery.error = State.DISCARDED, printable(f"{actor}: {why}", limit=500)
        delivery.settled_at, delivery.next_attempt_at = now, None
    Delivery.objects.bulk_update(deliveries, ["state", "error", "settled_at", "next_attempt_at"])
    return len(deliveries)


def _locked(delivery_ids: Iterable[int], states: Iterable[str]) -> list[Delivery]:
    return list(
        Delivery.objects.select_for_update()
        .filter(pk__in=list(delivery_ids), state__in=list(states))
        .order_by("received_at", "pk")
    )
