"""Signs of life: the live client spoke. They move no status; they are what a claim is proven by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

# Rows are locked in id order, as everybody does who locks more than one.
_RECORD = """
WITH spoken AS (
    SELECT account.id, sign.seen_at, sign.is_proof, sign.what
      FROM whatsapp_accounts account
      JOIN unnest(%s::bigint[], %s::text[], %s::timestamptz[], %s::boolean[], %s::text[])
           sign(gateway_id, session_id, seen_at, is_proof, what)
     USING (gateway_id, session_id)
     ORDER BY account.id
       FOR NO KEY UPDATE OF account
)
UPDATE whatsapp_accounts account
   SET last_activity_at =
           GREATEST(account.last_activity_at, LEAST(spoken.seen_at, clock_timestamp())),
       proven_at = CASE WHEN spoken.is_proof
           THEN GREATEST(account.proven_at, LEAST(spoken.seen_at, clock_timestamp()))
           ELSE account.proven_at END,
       proof = CASE WHEN spoken.is_proof THEN spoken.what ELSE account.proof END
  FROM spoken
 WHERE account.id = spoken.id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOfLife:
    """`is_proof`: a message or an acknowledgement; weaker ones are only activity."""

    gateway_id: int
    session_id: str
    seen_at: datetime
    is_proof: bool
    what: str


def record_life(signs: Sequence[SignOfLife]) -> int:
    """Write them in bulk, at most one a session; how many accounts they belong to."""
    if not signs:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            _RECORD,
            [
                [sign.gateway_id for sign in signs],
                [sign.session_id for sign in signs],
                [sign.seen_at for sign in signs],
                [sign.is_proof for sign in signs],
                [sign.what for sign in signs],
            ],
        )
        return int(cursor.rowcount)
