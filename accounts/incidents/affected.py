"""Count the accounts that an incident of a gateway concerns, by customer."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q

from accounts.models import Account
from accounts.words.status import Status, Wanted

MOST_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A workspace with accounts that should run on the gateway; `down`: not shown as connected."""

    workspace_id: int
    name: str
    accounts: int
    down: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """The customers of one gateway, those with the most accounts down first."""

    customers: tuple[Customer, ...] = ()

    @property
    def accounts(self) -> int:
        return sum(one.accounts for one in self.customers)

    @property
    def down(self) -> int:
        return sum(one.down for one in self.customers)

    def text(self) -> str:
        """Return a sentence with numbers and names; "" if no account should run there."""
        if not self.accounts:
            return ""
        if not self.down:
            return f"none of {_accounts(self.accounts)} there: all connected"
        hit = [one for one in self.customers if one.down]
        named = ", ".join(f"{one.name} ({one.down})" for one in hit[:MOST_NAMED])
        rest = hit[MOST_NAMED:]
        more = f" and {len(rest)} more customers ({sum(one.down for one in rest)})" if rest else ""
        return f"{self.down} of {_accounts(self.accounts)} not connected: {named}{more}"


def affected_by(gateway_ids: Collection[int], now: datetime) -> dict[int, Affected]:
    """Return by gateway whose accounts should run there, and how many are not connected."""
    rows = (
        Account.objects.visible()
        .filter(gateway_id__in=gateway_ids, wanted=Wanted.RUNNING)
        .with_shown_status(now)
        .order_by()
        .values("gateway_id", "workspace_id", "workspace__name")
        .annotate(accounts=Count("pk"), down=Count("pk", filter=~Q(shown=Status.CONNECTED)))
    )
    found: dict[int, list[Customer]] = {pk: [] for pk in gateway_ids}
    for row in rows:
        one = Customer(
            workspace_id=row["workspace_id"],
            name=row["workspace__name"],
            accounts=row["accounts"],
            down=row["down"],
        )
        found[row["gateway_id"]].append(one)
    return {pk: Affected(customers=_most_down_first(some)) for pk, some in found.items()}


def _most_down_first(found: Iterable[Customer]) -> tuple[Customer, ...]:
    return tuple(sorted(found, key=lambda one: (-one.down, -one.accounts, one.name)))


def _accounts(number: int) -> str:
    return "1 account" if number == 1 else f"{number} accounts"
