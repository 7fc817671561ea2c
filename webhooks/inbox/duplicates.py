"""Events that come twice. One with an id of its own is known by it; one without is never dropped,
since the same words may be true twice."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import QuerySet

from accounts.store import clock
from webhooks.auth.replay import REMEMBERED_SECONDS
from webhooks.models import EventId

IDS_KEPT = timedelta(days=7)
PROBABLE_RETRY_WITHIN = timedelta(seconds=60)
PRUNE_ROWS = 5000
LONGEST_ID = 255
# What has no id, but a signature of its own, is known by that for as long as it is believed.
SIGNED = "signed:"
SIGNED_KEPT = timedelta(seconds=REMEMBERED_SECONDS + 60)

# In the order of their ids, as everybody does who remembers more than one. Two at once: the second
# waits until the first is committed, and then counts as the repeat.
_REMEMBER = """
INSERT INTO webhook_event_ids AS known (gateway_id, event_id, received_at, repeats)
SELECT * FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[], %s::int[])
 ORDER BY 1, 2
    ON CONFLICT (gateway_id, event_id) DO UPDATE SET repeats = known.repeats + excluded.repeats + 1
RETURNING gateway_id, event_id, repeats
"""
_NEWEST = """
SELECT seen.gateway_id, seen.session_id, newest.digest, newest.received_at
  FROM unnest(%s::bigint[], %s::text[]) seen(gateway_id, session_id),
       LATERAL (SELECT delivery.digest, delivery.received_at FROM webhook_deliveries delivery
                 WHERE delivery.session_id = seen.session_id
                   AND delivery.gateway_id = seen.gateway_id
                 ORDER BY delivery.received_at DESC
                 LIMIT 1) newest
"""
Session = tuple[int, str]
Newest = tuple[str, datetime]


def are_repeats(events: Sequence[tuple[int, str]], received_at: Sequence[datetime]) -> list[bool]:
    """Return for each (gateway, event id) whether it was received before, or stands here before; ""
    never was. They are remembered with the caller's transaction."""
    events = [(gateway, _as_kept(event_id)) for gateway, event_id in events]
    times = Counter(event for event in events if event[1])
    known = dict.fromkeys(times, False)
    if times:
        first_at = dict(zip(reversed(events), reversed(received_at), strict=True))
        rows = [(*event, first_at[event], number - 1) for event, number in times.items()]
        with connection.cursor() as cursor:
            cursor.execute(_REMEMBER, [list(column) for column in zip(*rows, strict=True)])
            known |= {
                (gateway, event_id): repeats >= times[gateway, event_id]
                for gateway, event_id, repeats in cursor.fetchall()
            }
    repeated = []
    for event in events:
        repeated.append(known.get(event, False))
        if event in known:
            known[event] = True
    return repeated


def is_repeat(gateway_id: int, event_id: str, received_at: datetime) -> bool:
    """The same for one."""
    return are_repeats([(gateway_id, event_id)], [received_at])[0]


def _as_kept(event_id: str) -> str:
    if len(event_id) > LONGEST_ID:
        return f"sha256:{hashlib.sha256(event_id.encode()).hexdigest()}"
    return event_id


def newest_of(sessions: Collection[Session]) -> dict[Session, Newest]:
    """The digest of each one's newest delivery, and when it came."""
    if not sessions:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            _NEWEST, [[gateway for gateway, _ in sessions], [sid for _, sid in sessions]]
        )
        return {(gateway, sid): (digest, at) for gateway, sid, digest, at in cursor.fetchall()}


def is_probable_retry(newest: Newest | None, digest: str, received_at: datetime) -> bool:
    """Return whether the newest delivery of its session, a moment ago, had the same body."""
    if newest is None:
        return False
    return newest[0] == digest and received_at - newest[1] <= PROBABLE_RETRY_WITHIN


def prune_event_ids() -> int:
    """Forget those that nobody repeats any more, in batches; how many."""
    now = clock.database_now()
    return _prune(EventId.objects.filter(received_at__lt=now - IDS_KEPT)) + prune_signed()


def prune_signed() -> int:
    """Forget the signatures that are believed no more."""
    limit = clock.database_now() - SIGNED_KEPT
    return _prune(EventId.objects.filter(event_id__startswith=SIGNED, received_at__lt=limit))


def _prune(old: QuerySet[EventId]) -> int:
    gone = 0
    while pks := list(old.order_by("received_at").values_list("pk", flat=True)[:PRUNE_ROWS]):
        gone += EventId.objects.filter(pk__in=pks).delete()[0]
    return gone
