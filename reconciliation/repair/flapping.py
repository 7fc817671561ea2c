"""Sessions that come and go: each spell is too short to be told, and together they are one
incident."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count

from accounts.incidents.incidents import LONGEST, close_incident, open_incident
from accounts.models import Account, Incident, Transition
from accounts.words.status import LOST, Status, Wanted

# Lost this often within this time after it had been connected.
LOSSES = 4
WITHIN = timedelta(minutes=10)
NUMBERS_NAMED = 5
GONE = (*LOST, Status.UNRESPONSIVE)


@dataclass(frozen=True, slots=True)
class Flapping:
    account_id: int
    gateway_id: int
    phone_number: str


def flapping(now: datetime) -> list[Flapping]:
    """Return the accounts that come and go, in the order of their ids.

    One remains so while it was lost twice in that time: it is told once, not at each pause.
    """
    told = set(
        Incident.objects.filter(kind=Incident.Kind.FLAPPING, closed_at__isnull=True).values_list(
            "gateway_id", flat=True
        )
    )
    lost = Transition.objects.filter(
        created_at__gt=now - WITHIN, from_status=Status.CONNECTED, to_status__in=GONE
    )
    often = lost.values_list("account_id").annotate(Count("pk")).filter(pk__count__gte=2)
    losses: dict[int, int] = dict(often.order_by())
    accounts = Account.objects.visible().filter(pk__in=losses, wanted=Wanted.RUNNING)
    fields = accounts.order_by("pk").values_list("pk", "gateway_id", "phone_number")
    return [
        Flapping(pk, gateway_id, number or "")
        for pk, gateway_id, number in fields
        if losses[pk] >= LOSSES or gateway_id in told
    ]


def tell_flapping(found: Iterable[Flapping]) -> None:
    """Open, update and close the incidents: one for each gateway, with the numbers."""
    named: dict[int, list[str]] = defaultdict(list)
    for one in found:
        number = one.phone_number or "no number yet"
        named[one.gateway_id].append(f"{number} (account {one.account_id})")
    known = Incident.objects.filter(kind=Incident.Kind.FLAPPING, closed_at__isnull=True)
    texts = {row.gateway_id: row.text for row in known if row.gateway_id is not None}
    for gateway_id, numbers in named.items():
        text = _text(numbers)
        if texts.get(gateway_id) != text:
            count = len(numbers)
            open_incident(Incident.Kind.FLAPPING, gateway_id=gateway_id, text=text, count=count)
    for gateway_id in texts.keys() - named.keys():
        close_incident(Incident.Kind.FLAPPING, gateway_id=gateway_id)


def _text(numbers: Collection[str]) -> str:
    first = list(numbers)[:NUMBERS_NAMED]
    more = f" and {len(numbers) - NUMBERS_NAMED} more" if len(numbers) > NUMBERS_NAMED else ""
    return f"connected and lost time and again: {', '.join(first)}{more}"[:LONGEST]
