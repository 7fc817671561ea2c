"""Sessions that come and go: each spell is too short to be told, and together they are one
incident."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count

from accounts.models import Account, Transition
from accounts.words.status import LOST, Status, Wanted

# Lost this often within this time after it had been connected.
LOSSES = 4
WITHIN = timedelta(minutes=10)
GONE = (*LOST, Status.UNRESPONSIVE)


@dataclass(frozen=True, slots=True)
class Flapping:
    account_id: int
    gateway_id: int
    phone_number: str


def flapping(now: datetime, told: Collection[int]) -> list[Flapping]:
    """Return the accounts that come and go, in the order of their ids.

    `told`: gateways with an open incident. There one remains so while it was lost twice in that
    time: it is told once, not at each pause.
    """
    lost = Transition.objects.filter(
        created_at__gt=now - WITHIN, from_status=Status.CONNECTED, to_status__in=GONE
    )
    often = lost.values_list("account_id").annotate(Count("pk")).filter(pk__count__gte=2)
    losses: dict[int, int] = dict(often.order_by())
    if not losses:
        return []
    accounts = Account.objects.visible().filter(pk__in=losses, wanted=Wanted.RUNNING)
    fields = accounts.order_by("pk").values_list("pk", "gateway_id", "phone_number")
    return [
        Flapping(pk, gateway_id, number or "")
        for pk, gateway_id, number in fields
        if losses[pk] >= LOSSES or gateway_id in told
    ]
