"""Announce on Redis which rows a committed transaction changed, for pages that show them.

A message holds ids only: its readers read the rows. A lost message costs a few seconds, because
they also look at the database by themselves.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import threading
from collections.abc import Iterable
from functools import partial

from django.db import transaction
from redis.exceptions import RedisError

from accounts.store.redis_client import client

logger = logging.getLogger(__name__)
CHANNEL = "rollcall:changes"
# Beyond this number of ids a message says only that much changed.
MOST_IDS = 10_000


def announce(
    *, accounts: Iterable[int] = (), gateways: Iterable[int | None] = (), incidents: bool = False
) -> None:
    """Announce these rows after the commit.

    Costs the caller no round trip: a thread of the process publishes, and what is committed during
    one publish goes with the next. Never raises when Redis is down.
    """
    ids = {("account", pk) for pk in accounts}
    ids |= {("gateway", pk) for pk in gateways if pk is not None}
    if incidents:
        ids.add(("incident", 0))
    if ids:
        transaction.on_commit(partial(_publisher.add, ids), robust=True)


class Publisher:
    """Publishes what is added, in a thread that starts with the first addition of a process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._added: set[tuple[str, int]] = set()
        self._wake = threading.Event()
        self._process = 0
        self._is_failing = False

    def add(self, ids: set[tuple[str, int]]) -> None:
        with self._lock:
            self._added |= ids
            is_new = self._process != os.getpid()  # a thread does not survive a fork
            self._process = os.getpid()
        if is_new:
            atexit.register(self.publish)
            threading.Thread(target=self._go_on, name="announce", daemon=True).start()
        self._wake.set()

    def publish(self) -> None:
        """Publish what was added since the last time, in one message."""
        with self._lock:
            ids, self._added = self._added, set()
        if not ids:
            return
        try:
            client().publish(CHANNEL, message_of(ids))
            self._is_failing = False
        except RedisError as error:
            if not self._is_failing:
                logger.warning("changes are not announced: %s", type(error).__name__)
            self._is_failing = True

    def _go_on(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            self.publish()


def message_of(ids: set[tuple[str, int]]) -> str:
    accounts = sorted(pk for kind, pk in ids if kind == "account")
    return json.dumps(
        {
            "accounts": accounts[:MOST_IDS],
            "gateways": sorted(pk for kind, pk in ids if kind == "gateway"),
            "incidents": any(kind == "incident" for kind, _ in ids),
            "more": len(accounts) > MOST_IDS,
        }
    )


_publisher = Publisher()
