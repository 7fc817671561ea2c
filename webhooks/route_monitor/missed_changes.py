"""Which changes no webhook told us of: the roll call saw them first. If it saw all of them first,
webhooks are dead, whatever the sender's log says."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection, transaction

# Until then a webhook may still be on its way: a minute is counted anew for so long.
SETTLES_AFTER = timedelta(minutes=3)

# And for so long nobody may say that it missed it.
ARRIVES_WITHIN = timedelta(seconds=15)

# Counted is what a gateway tells by webhook: not what we could not see, or could see again, nor a
# session on its way, nor the first look at a number. A read that follows a webhook may see the next
# change before its own webhook arrives.
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
   AND change.from_status <> 'pending'
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
    """Count the last minutes' changes anew; doing it twice changes nothing."""
    since = (now - SETTLES_AFTER).replace(second=0, microsecond=0)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_COUNT, {"since": since, "arrived": now - ARRIVES_WITHIN})
        cursor.execute(_ADD_UP, {"since": since})
