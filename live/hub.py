"""The open streams of this process, and what each of them gets."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from live.reading import Changes, Counts, ShownAccount
from live.rights import Rights

# Events that wait for a slow reader. Its stream ends beyond that, and it comes back.
MOST_WAITING = 100
# All streams of a process that ends come back at once, unless each waits for a time of its own.
RETRY_MILLISECONDS = (1000, 4000)


class End(StrEnum):
    """Why a stream ends. After FORBIDDEN a page does not come back."""

    FORBIDDEN = "forbidden"
    UNCHECKED = "unchecked"
    SLOW = "slow"
    STOPPING = "stopping"


class Stream:
    """One page. `shown`: the accounts on it, whose new badges it gets."""

    __slots__ = ("counted", "end", "key", "queue", "rights", "shown", "task")

    def __init__(self, key: str, rights: Rights, shown: Collection[str]) -> None:
        self.key = key
        self.rights = rights
        self.shown = frozenset(shown)
        self.queue: asyncio.Queue[bytes] = asyncio.Queue(MOST_WAITING)
        self.end: End | None = None
        self.counted: dict[str, object] = {}
        self.task = asyncio.current_task()

    def put(self, event: bytes) -> None:
        if self.end is None:
            try:
                self.queue.put_nowait(event)
            except asyncio.QueueFull:
                self.finish(End.SLOW)

    def finish(self, why: End) -> None:
        if self.end is None and self.task is not None:
            self.end = why
            self.task.cancel()


class Hub:
    def __init__(self) -> None:
        self.streams: set[Stream] = set()
        self.is_stopping = False
        # Grows also over restarts.
        self._counts: Counts | None = None
        self._touched: set[int] = set()
        self._more = False
        self._ids = itertools.count(time.time_ns() // 1000)

    def add(self, stream: Stream) -> None:
        self.streams.add(stream)
        if self._counts is not None:
            stream.counted = _numbers(self._counts, stream.rights)
        if self.is_stopping:
            stream.finish(End.STOPPING)

    def remove(self, stream: Stream) -> None:
        self.streams.discard(stream)

    def keys(self) -> set[str]:
        return {stream.key for stream in self.streams}

    def publish(
        self,
        now: datetime,
        changes: Changes,
        accounts: Sequence[ShownAccount],
    ) -> None:
        """Give each stream what its rights include: what is shown of the accounts on its page, and
        incidents and gateways. That others changed is told later, together."""
        pk = next(self._ids)
        by_uuid = {one.uuid: one for one in accounts}
        self._touched |= {one.workspace_id for one in accounts}
        self._more = self._more or changes.more
        made: dict[tuple[object, ...], bytes] = {}
        for stream in self.streams:
            rights = stream.rights
            own = [by_uuid[uuid] for uuid in stream.shown & by_uuid.keys()]
            own = [one for one in own if rights.include(one.workspace_id)]
            flags = (False, rights.incidents and changes.incidents)
            gateways = tuple(sorted(changes.gateways)) if rights.gateways else ()
            if not (own or any(flags) or gateways):
                continue
            known = (*sorted(one.uuid for one in own), *flags, gateways)
            if known not in made:
                made[known] = self._changed(pk, now, own, flags, gateways)
            stream.put(made[known])

    def tell_others(self, now: datetime) -> None:
        """Tell each stream if accounts changed since the last time, whether its page shows them or
        not."""
        touched, self._touched = self._touched, set()
        more, self._more = self._more, False
        if not (touched or more):
            return
        event = self._changed(next(self._ids), now, (), (True, False), ())
        for stream in self.streams:
            if more or any(stream.rights.include(one) for one in touched):
                stream.put(event)

    def tell_counts(self, now: datetime, counts: Counts) -> None:
        """Give each stream the counts of what it may see, if they are not those that it knows."""
        self._counts = counts
        made: dict[Rights, dict[str, object]] = {}
        for stream in self.streams:
            if stream.rights not in made:
                made[stream.rights] = _numbers(counts, stream.rights)
            numbers = made[stream.rights]
            if stream.counted != numbers:
                stream.counted = numbers
                stream.put(_event("counts", {"now": now.isoformat(), **numbers}))

    def snapshot(self, stream: Stream, now: datetime, accounts: Iterable[ShownAccount]) -> bytes:
        """Return the first event: the present badges of the accounts on the page."""
        own = [one for one in accounts if stream.rights.include(one.workspace_id)]
        body = self._changed(next(self._ids), now, own, (True, True), (), name="snapshot")
        return f"retry: {random.randint(*RETRY_MILLISECONDS)}\n".encode() + body

    def beat(self, now: datetime) -> None:
        """An event, since scripts do not see comments: it tells a page that its feed lives."""
        event = _event("beat", {"now": now.isoformat()})
        for stream in self.streams:
            stream.put(event)

    def _changed(
        self,
        pk: int,
        now: datetime,
        own: Sequence[ShownAccount],
        flags: tuple[bool, bool],
        gateways: Sequence[int],
        *,
        name: str = "changed",
    ) -> bytes:
        accounts = ",".join(f"{json.dumps(one.uuid)}:{one.text}" for one in own)
        rest = {
            "now": now.isoformat(),
            "others": flags[0],
            "incidents": flags[1],
            "gateways": list(gateways),
            "streams": len(self.streams),
        }
        data = f'{{"accounts":{{{accounts}}},{json.dumps(rest)[1:]}'
        return f"id: {pk}\nevent: {name}\ndata: {data}\n\n".encode()

    def apply(self, rights: Mapping[str, Rights]) -> None:
        """End the streams of those who may see nothing any more; narrow or widen the others."""
        for stream in list(self.streams):
            found = rights.get(stream.key)
            if found is None:
                stream.finish(End.FORBIDDEN)
            else:
                stream.rights = found

    def end_all(self, why: End) -> None:
        self.is_stopping = self.is_stopping or why is End.STOPPING
        for stream in list(self.streams):
            stream.finish(why)


def last_event(why: End) -> bytes:
    return _event("done", {"why": why})


def _event(name: str, content: Mapping[str, object]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(content)}\n\n".encode()


def _numbers(counts: Counts, rights: Rights) -> dict[str, object]:
    """Sum the groups of the workspaces that may be seen."""
    groups: Counter[str] = Counter()
    for workspace_id, found in counts.groups.items():
        if rights.include(workspace_id):
            groups.update(found)
    return {"groups": groups, "open_incidents": counts.incidents if rights.incidents else 0}
