"""`python -m tests.bench.live.pages`: many open pages in one process, without a browser.

"stream" follows the events and reads the page again by the rules of live.js; "poll" only reads it,
every 3 s. Prints one JSON object: when each account was first seen in each status, by page.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import sys
import time
from dataclasses import dataclass, field

SHOWN = re.compile(rb'"([0-9a-f-]{36})":{"status": "(\w+)"')
BADGE = re.compile(r'data-account="([^"]+)" data-status="([^"]+)"')
READ_SHARE_SECONDS = 0.4  # live.js: READ_SHARE
POLLS_EVERY_SECONDS = 3.0


@dataclass
class Asked:
    """What the bench wants. `shown`: the accounts of each page; `path`: the page."""

    how: str
    web: int
    live: int
    cookie: str
    seconds: float
    path: str
    shown: list[list[str]]


@dataclass
class Seen:
    first: dict[str, list[float]] = field(default_factory=dict)
    open: int = 0
    reads: int = 0
    reads_failed: int = 0

    def note(self, page: int, uuid: str, status: str) -> None:
        moments = self.first.setdefault(f"{uuid} {status}", [])
        moments.append(time.time())


class Page:
    def __init__(self, number: int, asked: Asked, seen: Seen, *, pages: int) -> None:
        self.number, self.asked, self.seen = number, asked, seen
        self.shown = asked.shown[number % len(asked.shown)]
        self.named = frozenset(self.shown)
        self.known: dict[str, str] = {}
        self.read_at = self.read_ended = time.monotonic()
        self.took, self.spread, self.pages = 0.0, 0.0, pages
        self.reading: asyncio.Task[None] | None = None

    def put(self, uuid: str, status: str) -> None:
        """Note when an account of this page is first shown so. A list that is read again may name
        others, whose row comes late by nature."""
        if uuid in self.named and self.known.get(uuid) != status:
            self.known[uuid] = status
            self.seen.note(self.number, uuid, status)

    async def follow(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.asked.live, limit=2**22)
        path = f"/live/events?accounts={','.join(self.shown)}"
        writer.write(_request(path, self.asked.live, self.asked.cookie))
        self.seen.open += 1
        async for line in reader:
            if line.startswith(b"data: "):
                self.hear(line)

    def hear(self, line: bytes) -> None:
        """Without parsing it, which would take longer than all that is measured."""
        for uuid, status in SHOWN.findall(line):
            self.put(uuid.decode(), status.decode())
        if b'"others": true' in line:
            self.spread = self.pages * READ_SHARE_SECONDS
            self.schedule(random.uniform(0.2, 0.5 + self.spread))

    def schedule(self, delay: float) -> None:
        if self.asked.path and (self.reading is None or self.reading.done()):
            earliest = self.read_ended + max(1.0, 10 * self.took) - time.monotonic()
            self.reading = asyncio.create_task(self.read(max(delay, earliest)))

    async def read(self, delay: float = 0) -> None:
        await asyncio.sleep(delay)
        began = time.monotonic()
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.asked.web)
            writer.write(_request(self.asked.path, self.asked.web, self.asked.cookie))
            content = await asyncio.wait_for(reader.read(-1), 15)
            writer.close()
        except (OSError, TimeoutError):
            self.seen.reads_failed += 1
        else:
            self.seen.reads += 1
            for uuid, status in BADGE.findall(content.decode(errors="replace")):
                self.put(uuid, status)
        self.read_ended = time.monotonic()
        self.took = self.read_ended - began

    async def poll(self) -> None:
        await asyncio.sleep(random.uniform(0, POLLS_EVERY_SECONDS))
        while True:
            began = time.monotonic()
            await self.read()
            await asyncio.sleep(max(0.0, POLLS_EVERY_SECONDS - (time.monotonic() - began)))


def _request(path: str, port: int, cookie: str) -> bytes:
    return (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}\r\n"
        "Connection: close\r\n\r\n"
    ).encode()


async def main() -> None:
    asked = Asked(**json.loads(sys.stdin.readline()))
    count = int(sys.argv[1])
    seen = Seen()
    pages = [Page(number, asked, seen, pages=count) for number in range(count)]
    tasks = []
    for number, page in enumerate(pages):
        tasks.append(asyncio.create_task(page.follow() if asked.how == "stream" else page.poll()))
        if number % 50 == 49:
            await asyncio.sleep(0.1)
    while asked.how == "stream" and seen.open < count:
        await asyncio.sleep(0.05)
    print("open", flush=True)
    await asyncio.sleep(asked.seconds)
    for task in tasks:
        task.cancel()
    print(json.dumps({"first": seen.first, "reads": seen.reads, "failed": seen.reads_failed}))


if __name__ == "__main__":
    asyncio.run(main())
