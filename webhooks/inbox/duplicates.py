"""Events that come twice. One with an id of its own is known by it; one without is never dropped,
since the same words may be true twice."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import QuerySet

from accounts.store import clock
from webhooks.auth.replay import REMEMBERED_SECONDS
from webhooks.models import Delivery, EventId

IDS_KEPT = timedelta(days=7)
PROBABLE_RETRY_WITHIN = timedelta(seconds=60)
PRUNE_ROWS = 5000
LONGEST_ID = 255
# What has no id, but a signature of its own, is known by that for as long as it is believed.
SIGNED = "signed:"
SIGNED_KEPT = timedelta(seconds=REMEMBERED_SECONDS + 60)

# Two at once: the second waits until the first is committed, and then counts as the repeat.
_REMEMBER = """
INSERT INTO webhook_event_ids AS known (gateway_id, event_id, received_at, repeats)
VALUES (%s, %s, %s, 0)
    ON CONFLICT (gateway_id, event_id) DO UPDATE SET repeats = known.repeats + 1
RETURNING repeats
"""


def is_repeat(gateway_id: int, event_id: str, received_at: datetime) -> bool:
    """Whether this event was received before; it is remembered with the caller's transaction."""
    if len(event_id) > LONGEST_ID:
        event_id = f"sha256:{hashlib.sha256(event_id.encode()).hexdigest()}"
    with connection.cursor() as cursor:
        cursor.execute(_REMEMBER, [gateway_id, event_id, received_at])
        [repeats] = cursor.fetchone()
    return bool(repeats)


def is_probable_retry(gateway_id: int, session_id: str, digest: str, received_at: datetime) -> bool:
    """Whether the newest delivery of the session, a moment ago, had the same body."""
    if not session_id:
        return False
    newest = (
        Delivery.objects.filter(gateway_id=gateway_id, session_id=session_id)
        .order_by("-received_at")
        .values_list("digest", "received_at")
        .first()
    )
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
