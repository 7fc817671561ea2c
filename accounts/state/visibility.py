"""Visibility of a gateway: since when it can or cannot be read, and what its lists have shown."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce

from accounts.models import Gateway
from accounts.store.database import ask, short_waits

_SEEN = """
UPDATE accounts_gateway
   SET sight_since = CASE WHEN listed_at > %(long_ago)s THEN COALESCE(sight_since, %(started)s)
                          ELSE %(started)s END,
       blind_since = NULL, blind_why = '',
       listed_at = CASE WHEN %(is_whole)s THEN %(started)s ELSE listed_at END
 WHERE id = %(gateway)s
"""
# Every statement that locks several rows locks them in id order. Rows whose take-over may be
# confirmed are included, because a writer of an account's sessions holds its row.
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
# Accounts of a gateway that a claim moved to another session, not yet confirmed by a read.
CLAIMED_SQL = """
SELECT past.account_id FROM accounts_supersededsession past
  JOIN whatsapp_accounts account ON account.id = past.account_id
 WHERE past.confirmed_at IS NULL AND account.gateway_id = %(gateway)s
"""
# A list that agrees writes no row, but it is a read: it confirms what it showed connected.
_CONFIRM = """
UPDATE accounts_supersededsession past SET confirmed_at = %(started)s
  FROM whatsapp_accounts account
 WHERE past.account_id = ANY(%(claims)s) AND account.id = past.account_id
   AND past.confirmed_at IS NULL AND past.superseded_at <= %(started)s
   AND account.gateway_id = %(gateway)s AND account.status = 'connected'
   AND account.unshown_since IS NULL
"""


def note_sight(gateway_id: int, *, started: datetime) -> None:
    """Record that a read that began at `started` succeeded. Clocks that judge start when the
    gateway becomes visible again. That includes the end of a time without any complete list, even
    if no process of ours was running."""
    ask(_SEEN, **_of(gateway_id, started), is_whole=False)


def _of(gateway_id: int, started: datetime) -> dict[str, Any]:
    return {"gateway": gateway_id, "started": started, "long_ago": _long_ago(started)}


def seen_since(gateway: Gateway, started: datetime) -> datetime | None:
    """Return since when the gateway has been visible without a break, for a read that begins at
    `started`."""
    is_broken = gateway.listed_at is None or gateway.listed_at <= _long_ago(started)
    return None if is_broken else gateway.sight_since


def _long_ago(started: datetime) -> datetime:
    return started - timedelta(seconds=settings.LIVE_WORD_EXPIRES_AFTER_SECONDS)


def note_blind(gateway_id: int, why: str, *, started: datetime) -> datetime:
    """Record that a read that began at `started` failed. Return since when none has succeeded."""
    Gateway.objects.filter(pk=gateway_id).update(
        blind_since=Coalesce(F("blind_since"), started), blind_why=why[:500], sight_since=None
    )
    since = Gateway.objects.values_list("blind_since", flat=True).get(pk=gateway_id)
    return since or started


def note_listing(
    gateway_id: int,
    *,
    started: datetime,
    unshown: Collection[int],
    shown_again: Collection[int],
    claims: Collection[int] | None = None,
) -> None:
    """Record that a complete list, requested at `started`, showed every live account of the gateway
    but `unshown`.

    The rows are marked before the watermark moves: a row that the list did not show must never
    count as fresh. `claims`: the result of CLAIMED_SQL, for callers that have already locked those
    rows. Raises django.db.OperationalError if another transaction holds a row for 2 s.
    """
    with transaction.atomic(savepoint=False), short_waits():
        if claims is None:
            claims = {pk for [pk] in ask(CLAIMED_SQL, gateway=gateway_id)[0]}
        held = sorted({*unshown, *shown_again, *claims})
        statements = [*([_MARK] if held else ()), *([_CONFIRM] if claims else ()), _SEEN]
        ask(
            *statements,
            **_of(gateway_id, started),
            held=held,
            claims=list(claims),
            unshown=list(unshown),
            shown_again=list(shown_again),
            is_whole=True,
        )
