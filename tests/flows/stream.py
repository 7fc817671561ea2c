"""A stream of signed state events, as a busy gateway sends them, and what became of each."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle
from urllib.parse import urlsplit

import psycopg

from gateways.webjs_words import SIGNATURE_HEADER, TIMESTAMP_HEADER, signature

PATH = "/api/webhooks/webjs"
SENDERS = 4


@dataclass
class Stream:
    """Events of a few sessions of one gateway: they connect and disconnect in turn."""

    url: str
    hmac_secret: str
    sessions: list[str]
    workspace_id: int
    accepted: list[int] = field(default_factory=list)  # the deliveries that were answered 2xx
    answers: Counter[str] = field(default_factory=Counter)  # by status, or "no answer"
    seconds: list[float] = field(default_factory=list)  # of each answer
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, count: int) -> None:
        """All of them, from several senders at once, as the Node service does; none is retried."""
        bodies = iter([body for body, _ in zip(self._bodies(), range(count), strict=False)])
        senders = [threading.Thread(target=self._work, args=(bodies,)) for _ in range(SENDERS)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()

    def _bodies(self) -> Iterator[bytes]:
        for number, session_id in enumerate(cycle(self.sessions)):
            said: dict[str, object] = {"workspace_id": self.workspace_id, "session_id": session_id}
            event = "session_ready"
            if number // len(self.sessions) % 2:
                event = "session_disconnected"
                said["reason"] = "NAVIGATION"
            yield json.dumps({"event": event, "data": said}).encode()

    def _work(self, bodies: Iterator[bytes]) -> None:
        while (body := self._next(bodies)) is not None:
            began = time.monotonic()
            try:
                status, content = self._post(body)
            except (OSError, http.client.HTTPException):
                self._note("no answer", {}, began)
            else:
                self._note(str(status), json.loads(content), began)

    def _next(self, bodies: Iterator[bytes]) -> bytes | None:
        with self._lock:
            return next(bodies, None)

    def _post(self, body: bytes) -> tuple[int, bytes]:
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
        timestamp = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            TIMESTAMP_HEADER: timestamp,
            SIGNATURE_HEADER: signature(self.hmac_secret, timestamp, body),
            "Connection": "close",
        }
        try:
            connection.request("POST", PATH, body=body, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def _note(self, outcome: str, answer: dict[str, object], began: float) -> None:
        with self._lock:
            self.answers[outcome] += 1
            self.seconds.append(time.monotonic() - began)
            if outcome.startswith("2"):
                self.accepted.append(int(str(answer["delivery"])))

    def states(self, database_url: str) -> dict[int, str]:
        """The accepted deliveries that are in the database, with their states."""
        with psycopg.connect(database_url) as connection:
            rows = connection.execute(
                "SELECT id, state FROM webhook_deliveries WHERE id = ANY(%s)", [self.accepted]
            )
            return dict(rows.fetchall())
