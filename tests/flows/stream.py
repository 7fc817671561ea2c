"""A stream of signed state events, as a busy gateway sends them, and what became of each."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle, islice
from urllib.parse import urlsplit

import psycopg

from gateways.kinds.webjs.words import SIGNATURE_HEADER, TIMESTAMP_HEADER, signature
from tests.instance.running import ROOT, Running

PATH = "/api/webhooks/webjs"
SENDERS = 4
SECRET = "stream-secret"
SESSIONS = tuple(f"stream-{number}" for number in range(3))


@dataclass
class Stream:
    """Events of a few sessions of one gateway: they connect and disconnect in turn. No two are the
    same: signed within one second the second would be a repetition."""

    url: str
    workspace_id: int
    accepted: list[int] = field(default_factory=list)  # the deliveries that were answered 2xx
    answers: Counter[str] = field(default_factory=Counter)  # by status, or "no answer"
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, count: int) -> None:
        """Send all, from several senders at once, as the Node service does; none is retried."""
        bodies = islice(self.bodies(), count)
        senders = [threading.Thread(target=self._work, args=(bodies,)) for _ in range(SENDERS)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()

    def bodies(self) -> Iterator[bytes]:
        for number, session_id in enumerate(cycle(SESSIONS)):
            said: dict[str, object] = {"workspace_id": self.workspace_id, "session_id": session_id}
            said["number"] = number
            event = "session_ready"
            if number // len(SESSIONS) % 2:
                event = "session_disconnected"
                said["reason"] = "NAVIGATION"
            yield json.dumps({"event": event, "data": said}).encode()

    def _work(self, bodies: Iterator[bytes]) -> None:
        while (body := self._next(bodies)) is not None:
            try:
                status, content = self.post(body)
            except (OSError, http.client.HTTPException):
                self._note("no answer", {})
            else:
                self._note(str(status), json.loads(content))

    def _next(self, bodies: Iterator[bytes]) -> bytes | None:
        with self._lock:
            return next(bodies, None)

    def post(self, body: bytes) -> tuple[int, bytes]:
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
        timestamp = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            TIMESTAMP_HEADER: timestamp,
            SIGNATURE_HEADER: signature(SECRET, timestamp, body),
            "Connection": "close",
        }
        try:
            connection.request("POST", PATH, body=body, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def _note(self, outcome: str, answer: dict[str, object]) -> None:
        with self._lock:
            self.answers[outcome] += 1
            if outcome.startswith("2"):
                self.accepted.append(int(str(answer["delivery"])))

    def states(self, database_url: str) -> dict[int, str]:
        """The accepted deliveries that are in the database, with their states."""
        with psycopg.connect(database_url) as connection:
            rows = connection.execute(
                "SELECT id, state FROM webhook_deliveries WHERE id = ANY(%s)", [self.accepted]
            )
            return dict(rows.fetchall())


def register_numbers(running: Running) -> int:
    """A number for each of SESSIONS, in a workspace of their own, whose id is returned. Nobody
    listens where their gateway should be."""
    secrets = ("--api-key", "stream-key", "--hmac-secret", SECRET)
    manage(running, "gateway_add", "--name", "stream", "--url", "http://127.0.0.1:9", *secrets)
    workspace_id = int(str(manage(running, "workspace_add", "--name", "Stream")["id"]))
    for number, session_id in enumerate(SESSIONS):
        phone = f"628990000{number:03}"
        given = ("--session-id", session_id, "--phone", phone, "--status", "connecting")
        gateway = ("--workspace", str(workspace_id), "--gateway", "stream")
        manage(running, "account_add", *gateway, *given)
    return workspace_id


def manage(running: Running, *words: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "instance", "manage", *words, "--json"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "ROLLCALL_STATE": str(running.state)},
        capture_output=True,
        check=True,
        text=True,
    )
    answer: dict[str, object] = json.loads(done.stdout)
    return answer
