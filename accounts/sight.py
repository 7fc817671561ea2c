"""What we can see of a gateway: since when it is readable or blind, what its lists have shown."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Coalesce

from accounts.locks import short_waits
from accounts.models import Gateway, SupersededSession
from accounts.status import Status

_SEEN = """
UPDATE accounts_gateway
   SET sight_since = CASE WHEN listed_at > %(long_ago)s THEN COALESCE(sight_since, %(started)s)
                          ELSE %(started)s END,
       blind_since = NULL, blind_why = '',
       listed_at = CASE WHEN %(is_whole)s THEN %(started)s ELSE listed_at END
 WHERE id = %(gateway)s
"""
# Rows are locked in id order, as everybody does who locks more than one; with those whose take-over
# may be confirmed, because whoever writes of an account's sessions holds its row.
_MARK = """
WITH held AS (
    SELECT id FROM whatsapp_accounts WHERE id = ANY(%(held)s) ORDER BY id FOR NO KEY UPDATE
)
UPDATE whatsapp_accounts account
   SET unshown_since = CASE WHEN account.id = ANY(%(unshown)s) THEN %(started)s END,
       updated_at = clock_timestamp()
  FROM held
 WHERE account.id = held.id
   AND CASE WHEN account.id = ANY(%(unshown)s) THEN account.unshown_since IS NULL
            ELSE account.id = ANY(%(shown_again)s) END
"""
_CLAIMED = """
SELECT past.account_id FROM accounts_supersededsession past
  JOIN whatsapp_accounts account ON account.id = past.account_id
 WHERE past.confirmed_at IS NULL AND account.gateway_id = %s
"""


def note_sight(gateway_id: int, *, started: datetime) -> None:
    """A read that began at `started` succeeded. Clocks that judge start when sight returns: also
    after a time in which nobody saw a whole list, be it that nothing of ours was running."""
    _note_seen(gateway_id, started, is_whole=False)


def _note_seen(gateway_id: int, started: datetime, *, is_whole: bool) -> None:
    values: dict[str, Any] = {
        "gateway": gateway_id,
        "started": started,
        "long_ago": _long_ago(started),
        "is_whole": is_whole,
    }
    with connection.cursor() as cursor:
        cursor.execute(_SEEN, values)


def seen_since(gateway: Gateway, started: datetime) -> datetime | None:
    """Since when it has been seen without a break, as a read that begins at `started` finds it."""
    is_broken = gateway.listed_at is None or gateway.listed_at <= _long_ago(started)
    return None if is_broken else gateway.sight_since


def _long_ago(started: datetime) -> datetime:
    return started - timedelta(seconds=settings.LIVE_WORD_EXPIRES_AFTER_SECONDS)


def note_blind(gateway_id: int, why: str, *, started: datetime) -> datetime:
    """A read that began at `started` did not succeed; since when none has."""
    Gateway.objects.filter(pk=gateway_id).update(
        blind_since=Coalesce(F("blind_since"), started), blind_why=why[:500], sight_since=None
    )
    since = Gateway.objects.values_list("blind_since", flat=True).get(pk=gateway_id)
    return since or started


def claimed(gateway_id: int) -> set[int]:
    """Its accounts that a claim has put on another session, which no read has confirmed yet."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIMED, [gateway_id])
        return {account_id for (account_id,) in cursor.fetchall()}


def note_listing(
    gateway_id: int,
    *,
    started: datetime,
    unshown: Collection[int],
    shown_again: Collection[int],
    claims: Collection[int] | None = None,
) -> None:
    """A complete list that was asked for at `started` has shown every live account of the gateway
    but `unshown`. The rows are marked before the watermark moves: nobody may count a row as fresh
    that the list did not show. `claims`: what `claimed` said to who has locked those rows already.
    Raises django.db.OperationalError when a row is held by somebody for 2 s."""
    with transaction.atomic(savepoint=False), short_waits():
        claims = claimed(gateway_id) if claims is None else claims
        _mark(started, unshown=unshown, shown_again=shown_again, held={*claims})
        if claims:
            _confirm_takeovers(gateway_id, started, claims)
        _note_seen(gateway_id, started, is_whole=True)


def _mark(
    started: datetime, *, unshown: Collection[int], shown_again: Collection[int], held: set[int]
) -> None:
    held = held.union(unshown, shown_again)
    if not held:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _MARK,
            {
                "started": started,
                "held": sorted(held),
                "unshown": list(unshown),
                "shown_again": list(shown_again),
            },
        )


def _confirm_takeovers(gateway_id: int, started: datetime, claims: Collection[int]) -> None:
    """A list that agrees writes no row, yet it is a read: what it showed connected is confirmed."""
    SupersededSession.objects.filter(
        account__in=claims,
        confirmed_at__isnull=True,
        superseded_at__lte=started,
        account__gateway=gateway_id,
        account__status=Status.CONNECTED,
        account__unshown_since__isnull=True,
    ).update(confirmed_at=started)
