"""Signs of life: the live client sent something. They change no status; they prove a claim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

# Usual silence of an account: a moving average of the gaps between its signs of life. One night
# must not make a busy account a quiet one. Signs within a few seconds say nothing about the usual
# gap.
NEWEST_WEIGHS = 0.1
GAP_MOST_SECONDS = 24 * 3600.0
SAME_BREATH_SECONDS = 5.0

# Every statement that locks several rows locks them in id order.
_RECORD = """
WITH spoken AS (
    SELECT account.id, sign.seen_at, sign.is_proof, sign.what,
           EXTRACT(EPOCH FROM LEAST(sign.seen_at, clock_timestamp())
                              - account.last_activity_at) AS gap_seconds
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
       usual_gap_seconds = CASE
           WHEN spoken.gap_seconds < %s THEN account.usual_gap_seconds
           WHEN account.usual_gap_seconds IS NULL THEN spoken.gap_seconds
           WHEN spoken.gap_seconds IS NULL THEN account.usual_gap_seconds
           ELSE LEAST(account.usual_gap_seconds * (1 - %s) + spoken.gap_seconds * %s, %s) END,
       proven_at = CASE WHEN spoken.is_proof
           THEN GREATEST(account.proven_at, LEAST(spoken.seen_at, clock_timestamp()))
           ELSE account.proven_at END,
       proof = CASE WHEN spoken.is_proof AND account.proven_at > spoken.seen_at THEN account.proof
                    WHEN spoken.is_proof THEN spoken.what
                    ELSE account.proof END
  FROM spoken
 WHERE account.id = spoken.id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOfLife:
    """Sign that the live client sent something.

    `seen_at`: when it happened, which may be long before it arrived. `is_proof`: True for a message
    or an acknowledgement; anything weaker is only activity.
    """

    gateway_id: int
    session_id: str
    seen_at: datetime
    is_proof: bool
    what: str


def record_life(signs: Sequence[SignOfLife]) -> int:
    """Write the signs in bulk, at most one per session. Return how many accounts they belong to."""
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
                SAME_BREATH_SECONDS,
                NEWEST_WEIGHS,
                NEWEST_WEIGHS,
                GAP_MOST_SECONDS,
            ],
        )
        return int(cursor.rowcount)
