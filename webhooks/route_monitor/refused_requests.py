"""Requests that were not trusted.

Anybody can send them, so they never enter the inbox. The last ones are kept in a bounded ring.
They count against a gateway only if they come from its registered address.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from django.db import DatabaseError, connection, transaction
from redis.exceptions import RedisError

from accounts.store import clock
from accounts.store.redis_client import client
from webhooks.models import RefusedRequest, Route
from webhooks.route_monitor.request_log import Passage, note_passages
from webhooks.route_monitor.source_address import Sender, owners_of
from webhooks.wire.client_address import NOWHERE
from webhooks.wire.redis_batch import taken

logger = logging.getLogger(__name__)
WAITING = "rollcall:refused"
# By source: the number refused in this period, and how many of those were only counted.
SEEN = "rollcall:refused:seen"
UNKEPT = "rollcall:refused:unkept"
SEEN_SECONDS = 10
MOST = 2000
MOST_FROM_ONE = 200
KEPT = timedelta(days=7)
# One flush at a time: two would each leave a whole ring.
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('webhook_refused_requests'))"

_BEYOND_THE_RING = """
DELETE FROM webhook_refused_requests WHERE id IN (
    SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY source ORDER BY id DESC) AS of_one,
                           row_number() OVER (ORDER BY id DESC) AS of_all
                      FROM webhook_refused_requests) ranked
     WHERE of_one > %s OR of_all > %s)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A refused request.

    `at` by the clock of the process, in seconds since 1970; `excerpt` an outline of the body's
    beginning, without its values; `instance_url` and `kind` are the request's own claims;
    `is_misrouted`: it came on a path that is not ours.
    """

    at: float
    source: str
    path: str
    code: str
    why: str
    size_bytes: int = 0
    excerpt: str = ""
    instance_url: str = ""
    kind: str = ""
    skew_seconds: int | None = None
    is_misrouted: bool = False


def note_refusal(refusal: Refusal) -> None:
    """Note a refusal in Redis, so that a flood costs no database write.

    Older ones are dropped, and one source gets no more entries than the ring has, so that a
    flood does not displace the others. Those that are dropped are still counted.
    """
    logger.warning("a call was refused: %s", refusal.code)
    try:
        if _times_lately(refusal) > MOST_FROM_ONE:
            client().hincrby(UNKEPT, refusal.source, 1)
            return
        with client().pipeline(transaction=False) as pipe:
            pipe.lpush(WAITING, json.dumps(asdict(refusal)))
            pipe.ltrim(WAITING, 0, MOST - 1)
            [waiting, _] = pipe.execute()
        if waiting > MOST:
            client().hincrby(UNKEPT, NOWHERE, waiting - MOST)
    except RedisError:
        logger.warning("the refusal was not noted: Redis does not answer")


def _times_lately(refusal: Refusal) -> int:
    """Return the recent number from this source, including this one."""
    seen = f"{SEEN}:{int(refusal.at) // SEEN_SECONDS}"
    with client().pipeline(transaction=False) as pipe:
        pipe.hincrby(seen, refusal.source, 1)
        pipe.expire(seen, 2 * SEEN_SECONDS)
        return int(pipe.execute()[0])


def flush_refusals() -> int:
    """Write the noted refusals, and count each for the gateway it came from. Return how many.

    Raise django.db.DatabaseError: the notes then wait for the next flush.
    """
    return _flush_kept() + _flush_unkept()


def _flush_kept() -> int:
    try:
        waiting = [str(text) for text in client().rpop(WAITING, MOST) or []]
    except RedisError as error:
        logger.warning("refusals were not flushed: %s", type(error).__name__)
        return 0
    try:
        _settle([Refusal(**json.loads(text)) for text in waiting])
    except DatabaseError:
        _put_back(waiting)
        raise
    return len(waiting)


def _settle(refusals: Sequence[Refusal]) -> None:
    owners = owners_of(
        [
            Sender(address=one.source, instance_url=one.instance_url, kind=one.kind)
            for one in refusals
        ]
    )
    with transaction.atomic():
        _keep(refusals, owners)
        passages = list(_passages(refusals, owners))
    note_passages(*passages)


def _put_back(waiting: Sequence[str]) -> None:
    """Put the refusals back in front of newer ones."""
    try:
        if waiting:
            client().rpush(WAITING, *reversed(waiting))
    except RedisError as error:
        logger.warning("refusals were not put back: %s", type(error).__name__)


def _flush_unkept() -> int:
    """Count the refusals that were not kept. They never count as failures in a row."""
    with taken(UNKEPT) as noted:
        now, owners = clock.database_now(), owners_of([Sender(address=one) for one in noted])
        note_passages(
            *(
                Passage(
                    gateway_id=owner,
                    at=now,
                    status_code=401,
                    times=int(times),
                    is_overtaken=True,
                )
                for owner, times in zip(owners, noted.values(), strict=True)
            )
        )
    return sum(int(times) for times in noted.values())


def _keep(refusals: Sequence[Refusal], owners: Sequence[int | None]) -> None:
    """Write the refusals. The table never has more rows than the ring holds."""
    if not refusals:
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_ONE_AT_A_TIME)
        RefusedRequest.objects.bulk_create(map(_row, refusals, owners))
        cursor.execute(_BEYOND_THE_RING, [MOST_FROM_ONE, MOST])


def _row(refusal: Refusal, owner: int | None) -> RefusedRequest:
    return RefusedRequest(
        source=refusal.source,
        gateway_id=owner,
        path=refusal.path[:200],
        code=refusal.code[:40],
        why=refusal.why[:500],
        size_bytes=refusal.size_bytes,
        excerpt=refusal.excerpt[:4000],
        received_at=_moment(refusal),
    )


def _passages(refusals: Sequence[Refusal], owners: Sequence[int | None]) -> Iterable[Passage]:
    """Return the records of refusals. One with a later success is counted, but not as a failure
    in a row."""
    succeeded = dict(
        Route.objects.filter(gateway_id__in={owner for owner in owners if owner}).values_list(
            "gateway_id", "last_success_at"
        )
    )
    for refusal, owner in zip(refusals, owners, strict=True):
        at, success = _moment(refusal), succeeded.get(owner or 0)
        yield Passage(
            gateway_id=owner,
            at=at,
            status_code=401,
            code=refusal.code,
            why=refusal.why,
            skew_seconds=refusal.skew_seconds,
            wrong_path=refusal.path if refusal.is_misrouted else "",
            is_overtaken=success is not None and success > at,
        )


def _moment(refusal: Refusal) -> datetime:
    return datetime.fromtimestamp(refusal.at, UTC)


def prune_refusals() -> int:
    limit = clock.database_now() - KEPT
    return RefusedRequest.objects.filter(received_at__lt=limit).delete()[0]
