"""Brings changes to the hub: announced on Redis at once; without Redis, or if an announcement was
lost, by looking at the database."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TypeVar

import redis.asyncio
from django.conf import settings
from django.db import Error, connection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from accounts.store.announce import CHANNEL
from live.hub import End, Hub
from live.reading import MOST_ROWS, Changes, Lookout, ShownAccount, counts, shown_accounts
from live.rights import Rights, rights_of

logger = logging.getLogger(__name__)
R = TypeVar("R")

# A batch of changes arrives within this time of its first one.
GATHERS_SECONDS = 0.08
LOOKS_EVERY_SECONDS = 1.0
# With Redis, for announcements that were lost.
LOOKS_ANYWAY_EVERY_SECONDS = 3.0
BEATS_EVERY_SECONDS = 3.0
COUNTS_EVERY_SECONDS = 0.5
CHECKS_RIGHTS_EVERY_SECONDS = 8.0
# Without a check for this long a stream ends: a right that was removed must end it within 30 s.
RIGHTS_KEEP_SECONDS = 24.0
PINGS_AFTER_SECONDS = 2.0
IS_SILENT_AFTER_SECONDS = 4.0


async def in_thread(work: Callable[..., R], *arguments: Any, **named: Any) -> R:
    """Run database work in a thread that gives its connection back."""

    def done() -> R:
        try:
            return work(*arguments, **named)
        finally:
            connection.close()

    return await asyncio.to_thread(done)


class Feed:
    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.has_redis = False
        self._changes = Changes()
        self._rung = asyncio.Event()
        self._uncounted = True
        self._lookout = Lookout()
        self._looked_at = -LOOKS_ANYWAY_EVERY_SECONDS
        self._checked_at = self._now()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        for work in (self._listen, self._read, self._count, self._beat, self._check_rights):
            self._tasks.append(asyncio.create_task(self._for_ever(work)))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    async def _for_ever(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do it again after any error: a feed that has ended would be silent for ever."""
        while True:
            try:
                await work()
            except (Error, RedisError, OSError) as error:
                logger.warning("the live feed waits: %s", type(error).__name__)
            except Exception:
                logger.exception("the live feed failed and begins anew")
            await asyncio.sleep(1)

    # --- Redis ----------------------------------------------------------------------------------
    async def _listen(self) -> None:
        """Listen until Redis is silent for 4 s or refuses."""
        client = redis.asyncio.Redis.from_url(
            settings.REDIS_URL,
            decode_responses=True,
            socket_timeout=PINGS_AFTER_SECONDS,
            socket_connect_timeout=settings.REDIS_TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        try:
            async with client, client.pubsub() as subscription:
                await subscription.subscribe(CHANNEL)
                heard_at = self._now()
                while self._now() - heard_at < IS_SILENT_AFTER_SECONDS:
                    message = await subscription.get_message(timeout=PINGS_AFTER_SECONDS)
                    if message is None:
                        await subscription.ping()
                        continue
                    heard_at = self._now()
                    self._hear(message)
        finally:
            self.has_redis = False

    def _hear(self, message: dict[str, Any]) -> None:
        if message["type"] == "subscribe":
            # Also after a reconnection, which loses what was published meanwhile.
            self.has_redis = True
            self._looked_at = self._now() - LOOKS_ANYWAY_EVERY_SECONDS
            self._rung.set()
        if message["type"] != "message":
            return
        try:
            self._changes.add(Changes.of_message(message["data"]))
        except (ValueError, KeyError, TypeError) as error:
            logger.warning("an announcement is none of ours: %s", type(error).__name__)
            return
        self._rung.set()

    # --- the database ---------------------------------------------------------------------------
    async def _read(self) -> None:
        while True:
            await self._until_rung()
            self._rung.clear()
            changes, self._changes = self._changes, Changes()
            try:
                if self._now() - self._looked_at >= self._look_every() - 0.1:
                    changes.add(await in_thread(self._lookout.look))
                    self._looked_at = self._now()
                if changes:
                    await self._publish(changes)
            except BaseException:
                self._changes.add(changes)  # they are still to be told
                raise

    def _look_every(self) -> float:
        return LOOKS_ANYWAY_EVERY_SECONDS if self.has_redis else LOOKS_EVERY_SECONDS

    async def _until_rung(self) -> None:
        due = self._looked_at + self._look_every() - self._now()
        try:
            await asyncio.wait_for(self._rung.wait(), timeout=max(0.0, due))
            await asyncio.sleep(GATHERS_SECONDS)
        except TimeoutError:
            return

    async def _publish(self, changes: Changes) -> None:
        if not self.hub.streams:
            return
        ids = sorted(changes.accounts)
        changes.more = changes.more or len(ids) > MOST_ROWS
        now, accounts = await in_thread(shown_accounts, ids=ids[:MOST_ROWS])
        self._uncounted = True
        self.hub.publish(now, changes, accounts)

    async def _count(self) -> None:
        """Tell the counts after changes, not more often than once a second, nor for more than a
        tenth of the time: they are counted over all accounts."""
        while True:
            await asyncio.sleep(COUNTS_EVERY_SECONDS)
            if self._uncounted and self.hub.streams and self._lookout.at is not None:
                self._uncounted, began = False, self._now()
                self.hub.tell_others(self._lookout.at)
                found = await in_thread(counts)
                self.hub.tell_counts(self._lookout.at, found)
                await asyncio.sleep(10 * (self._now() - began))

    # --- the streams ----------------------------------------------------------------------------
    async def _beat(self) -> None:
        """Send the time of the last look: a page must not trust a feed that sees nothing."""
        while True:
            await asyncio.sleep(BEATS_EVERY_SECONDS)
            if self._lookout.at is not None:
                self.hub.beat(self._lookout.at)

    async def _check_rights(self) -> None:
        while True:
            await asyncio.sleep(CHECKS_RIGHTS_EVERY_SECONDS)
            began = self._now()
            try:
                self.hub.apply(await in_thread(rights_of, self.hub.keys()))
                self._checked_at = began
            except Error:
                if began - self._checked_at > RIGHTS_KEEP_SECONDS - CHECKS_RIGHTS_EVERY_SECONDS:
                    self.hub.end_all(End.UNCHECKED)
                raise


class Asked:
    """Answers questions of many streams by one look: those that come during it share the next."""

    def __init__(self, answer: Callable[[set[str]], Awaitable[dict[str, Any]]]) -> None:
        self._answer = answer
        self._waiting: dict[str, asyncio.Future[Any]] = {}
        self._task: asyncio.Task[None] | None = None

    async def ask(self, key: str) -> Any:
        """Return the answer; None if there is none. Raises what the look raises."""
        if key not in self._waiting:
            self._waiting[key] = asyncio.get_running_loop().create_future()
        future = self._waiting[key]
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        return await asyncio.shield(future)

    async def _work(self) -> None:
        while self._waiting:
            taken, self._waiting = self._waiting, {}
            try:
                found = await self._answer(set(taken))
            except Exception as error:
                for future in taken.values():
                    future.set_exception(error)
            else:
                for key, future in taken.items():
                    future.set_result(found.get(key))


def rights_asked() -> Asked:
    async def answer(keys: set[str]) -> dict[str, Rights]:
        return await in_thread(rights_of, keys)

    return Asked(answer)


def accounts_asked() -> Asked:
    """Accounts by UUID; the time, under ""."""

    async def answer(uuids: set[str]) -> dict[str, ShownAccount | datetime]:
        named = uuids - {""}
        now, found = await in_thread(shown_accounts, uuids=named)
        return {"": now, **{one.uuid: one for one in found}}

    return Asked(answer)
