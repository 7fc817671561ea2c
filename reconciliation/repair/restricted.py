"""Numbers that WhatsApp limits while they stay connected: told, never repaired."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q

from accounts.models import Account
from accounts.words.restrictions import restriction_text
from accounts.words.status import Wanted


def restricted(now: datetime) -> list[tuple[int, str]]:
    """Return the gateway of each such account, and its number with the limit and its end."""
    lasting = Q(restricted_until__isnull=True) | Q(restricted_until__gt=now)
    limited = Account.objects.visible().exclude(restricted_for="").filter(lasting)
    return [
        (
            account.gateway_id,
            f"{account.phone_number or 'no number yet'} (account {account.pk}): "
            + restriction_text(account.restricted_for, account.restricted_until, now),
        )
        for account in limited.filter(wanted=Wanted.RUNNING).order_by("pk")
    ]
