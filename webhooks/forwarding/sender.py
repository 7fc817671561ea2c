"""The sender of forwards.

Those of one gateway are sent one by one in order, those of several gateways in parallel; all by
one task of a worker.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery

from accounts.models import Gateway
from accounts.store import clock
from accounts.store.encryption import CannotOpen
from gateways.base import GatewayError
from gateways.wire.backend import Backend
from gateways.wire.http import Answer
from webhooks.forwarding.rows import Gone, Handed, give_up, opened, postpone, settle
from webhooks.models import Forward

# Threads that only wait for backends: a worker's own threads and connections stay free, even if all
# backends hang.
AT_ONCE = 8
DEADLINE_SECONDS = 10.0
# Longer than an attempt: the lease ends by itself if its holder died.
CLAIMED_FOR = timedelta(seconds=DEADLINE_SECONDS + 20)
SWEEP_SECONDS = 20.0
_LOOK_AGAIN_SECONDS = 0.5

_at_it = threading.Lock()
_threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="forward")


def send_forwards() -> int:
    """Send the due forwards. Return how many were tried.

    One call at a time in a process: a second call may return, since the first checks again.
    """
    if not _at_it.acquire(blocking=False):
        return 0
    try:
        return _Sweep().run()
    finally:
        _at_it.release()


class _Sweep:
    def __init__(self) -> None:
        self._under_way: dict[Future[Answer | GatewayError], Forward] = {}
        self._ends = time.monotonic() + SWEEP_SECONDS
        self._tried = 0

    def run(self) -> int:
        while True:
            self._begin()
            if not self._under_way:
                return self._tried
            self._settle()

    def _begin(self) -> None:
        while len(self._under_way) < AT_ONCE and time.monotonic() < self._ends:
            busy = [forward.gateway_id for forward in self._under_way.values()]
            forward = claim(busy)
            if forward is None:
                return
            self._tried += 1
            self._send(forward)

    def _send(self, forward: Forward) -> None:
        now = clock.database_now()
        try:
            handed = opened(forward, now)
        except Gone as error:
            give_up(forward, str(error))
        except CannotOpen as error:
            postpone(forward, str(error), now)
        else:
            sending = _threads.submit(_outcome, forward.gateway.forward_url, handed)
            self._under_way[sending] = forward

    def _settle(self) -> None:
        done, _ = wait(self._under_way, _LOOK_AGAIN_SECONDS, return_when=FIRST_COMPLETED)
        for sending in done:
            settle(self._under_way.pop(sending), sending.result(), clock.database_now())


def _outcome(url: str, handed: Handed) -> Answer | GatewayError:
    """Send one forward, outside of any transaction.

    It arrives twice if we die before its row is deleted. That is harmless: a state event carries
    a state, not a change.
    """
    try:
        return Backend(url).hand_on(
            handed.body, headers=handed.headers, deadline_seconds=DEADLINE_SECONDS
        )
    except GatewayError as error:
        return error


def claim(busy_gateway_ids: Iterable[int] = ()) -> Forward | None:
    """Claim a due forward: the oldest of its gateway, to keep the order, else one that was set
    aside.

    Busy gateways are skipped.
    """
    free = Forward.objects.exclude(gateway_id__in=list(busy_gateway_ids))
    return _claim(free.filter(pk__in=_first_of_each())) or _claim(free.filter(is_set_aside=True))


def _first_of_each() -> QuerySet[Any, Any]:
    waiting = Forward.objects.filter(
        gateway=OuterRef("pk"), next_attempt_at__isnull=False, is_set_aside=False
    )
    first = Subquery(waiting.order_by("pk").values("pk")[:1])
    return Gateway.objects.annotate(first=first).filter(first__isnull=False).values("first")


@transaction.atomic
def _claim(forwards: QuerySet[Forward]) -> Forward | None:
    now = clock.database_now()
    forward = (
        forwards.select_for_update(skip_locked=True, of=("self",))
        .select_related("delivery", "gateway")
        .filter(next_attempt_at__lte=now)
        .order_by("next_attempt_at")
        .first()
    )
    if forward is not None:
        forward.attempts += 1
        forward.next_attempt_at = now + CLAIMED_FOR
        forward.save(update_fields=["attempts", "next_attempt_at"])
    return forward
