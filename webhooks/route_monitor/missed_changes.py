"""Status changes that no webhook reported: the roll call saw them first.

If it saw all of them first, webhooks do not work, whatever the sender's log shows.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection, transaction

# Recount recent minutes: a webhook may still arrive.
SETTLES_AFTER = timedelta(minutes=3)

# For this time a change does not count as missed.
ARRIVES_WITHIN = timedelta(seconds=15)

# Only changes that a gateway reports by webhook are counted. Excluded: sessions that we could not
# see, or could see again, sessions on their way, and the first look at a number. A read after a
# webhook may see the next change before its own webhook arrives.
_COUNT = """
INSERT INTO webhook_route_tallies AS tally
       (gateway_id, span, began_at, received, succeeded, failed, refused, repeated, retried,
        misrouted, unsigned, handling, lag, changes, changes_missed)
SELECT account.gateway_id, 'minute', date_trunc('minute', change.created_at),
       0, 0, 0, 0, 0, 0, 0, 0, '{}', '{}',
       count(*),
       count(*) FILTER (WHERE change.source IN ('list', 'read')
                        AND change.created_at < %(arrived)s AND NOT EXISTS (
           SELECT FROM webhook_deliveries delivery
            WHERE delivery.gateway_id = account.gateway_id
              AND delivery.session_id = change.session_id
              AND delivery.received_at BETWEEN change.created_at - interval '1 minute'
                                           AND change.created_at + interval '1 minute'))
  FROM account_transitions change JOIN whatsapp_accounts account ON account.id = change.account_id
 WHERE change.created_at >= %(since)s
   AND change.source IN ('list', 'read', 'webhook', 'claim')
   AND 'unknown' NOT IN (change.from_status, change.to_status)
   AND change.to_status NOT IN ('stopped', 'connecting', 'unresponsive')
   AND change.from_status NOT IN ('pending', change.to_status)
   AND change.created_at > account.created_at + interval '1 minute'
 GROUP BY account.gateway_id, date_trunc('minute', change.created_at)
 ORDER BY 1, 3
    ON CONFLICT (span, began_at, gateway_id) DO UPDATE
   SET changes = excluded.changes, changes_missed = excluded.changes_missed
"""

_ADD_UP = """
INSERT INTO webhook_route_tallies AS tally
       (gateway_id, span, began_at, received, succeeded, failed, refused, repeated, retried,
        misrouted, unsigned, handling, lag, changes, changes_missed)
SELECT gateway_id, 'hour', date_trunc('hour', began_at),
       0, 0, 0, 0, 0, 0, 0, 0, '{}', '{}', sum(changes), sum(changes_missed)
  FROM webhook_route_tallies
 WHERE span = 'minute' AND began_at >= date_trunc('hour', %(since)s::timestamptz)
 GROUP BY gateway_id, date_trunc('hour', began_at)
HAVING sum(changes) > 0
 ORDER BY 1, 3
    ON CONFLICT (span, began_at, gateway_id) DO UPDATE
   SET changes = excluded.changes, changes_missed = excluded.changes_missed
"""


def count_changes(now: datetime) -> None:
    """Recount the last minutes' changes. A repetition changes nothing."""
    since = (now - SETTLES_AFTER).replace(second=0, microsecond=0)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_COUNT, {"since": since, "arrived": now - ARRIVES_WITHIN})
        cursor.execute(_ADD_UP, {"since": since})
