"""Numbers that WhatsApp limits while they stay connected: told, never repaired."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from django.db.models import Q

from accounts.incidents.incidents import LONGEST, close_incident, open_incident
from accounts.models import Account, Incident
from accounts.words.restrictions import restriction_text
from accounts.words.status import Wanted

KIND = Incident.Kind.RESTRICTED
NUMBERS_NAMED = 3


def tell_restricted(now: datetime) -> None:
    """Open, update and close the incidents: one for each gateway, with the numbers."""
    named: dict[int, list[str]] = defaultdict(list)
    limited = (
        Account.objects.visible()
        .exclude(restricted_for="")
        .filter(
            Q(restricted_until__isnull=True) | Q(restricted_until__gt=now), wanted=Wanted.RUNNING
        )
    )
    for account in limited.order_by("pk"):
        why = restriction_text(account.restricted_for, account.restricted_until, now)
        number = account.phone_number or "no number yet"
        named[account.gateway_id].append(f"{number} (account {account.pk}): {why}")
    known = Incident.objects.filter(kind=KIND, closed_at__isnull=True)
    texts = {row.gateway_id: row.text for row in known if row.gateway_id is not None}
    for gateway_id, told in named.items():
        more = f"; and {len(told) - NUMBERS_NAMED} more" if len(told) > NUMBERS_NAMED else ""
        text = f"{'; '.join(told[:NUMBERS_NAMED])}{more}"[:LONGEST]
        if texts.get(gateway_id) != text:
            open_incident(KIND, gateway_id=gateway_id, text=text, count=len(told))
    for gateway_id in texts.keys() - named.keys():
        close_incident(KIND, gateway_id=gateway_id)
