"""The sender: `wrk` where it is on PATH, else one of our own, which replays a file of requests over
keep-alive connections and prints what it saw.

`python -m tests.bench.ingest.client PORT FILE CONNECTIONS SECONDS`
"""

from __future__ import annotations

import json
import select
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.bench.ingest.traffic import read

REPLAY = Path(__file__).with_name("replay.lua")
GIVES_UP_AFTER_SECONDS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a sender saw. `accepted`: answers with 2xx; times in milliseconds."""

    accepted: int
    refused: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def answers(self) -> int:
        return self.accepted + self.refused

    @property
    def rate(self) -> float:
        return self.answers / self.seconds


def send(port: int, file: Path, *, connections: int, seconds: float) -> Seen:
    """Send in a process of its own. It ends earlier where the file does. Raises RuntimeError."""
    if wrk := find_wrk():
        command = [
            *(wrk, "--threads", "1", "--connections", str(connections)),
            *("--duration", f"{max(1, round(seconds))}s", "--timeout", "30s"),
            *("--script", str(REPLAY), f"http://127.0.0.1:{port}", "--", str(file)),
        ]
    else:
        module = [sys.executable, "-m", "tests.bench.ingest.client"]
        command = [*module, str(port), str(file), str(connections), str(seconds)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    seen = Seen(**json.loads(done.stdout.splitlines()[-1]))
    if not seen.answers:
        raise RuntimeError(f"no answer within {seconds:g} s: give each turn more --seconds")
    return seen


def find_wrk() -> str | None:
    return shutil.which("wrk")


@dataclass(slots=True)
class Connection:
    port: int
    socket: socket.socket = field(init=False)
    sent_at: float = 0.0
    received: bytes = b""

    def __post_init__(self) -> None:
        self.open()

    def open(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""

    def send(self, request: bytes) -> None:
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def status(self) -> int | None:
        """The answer's, once all of it is here."""
        head, end, body = self.received.partition(b"\r\n\r\n")
        if not end:
            return None
        _, found, rest = head.lower().partition(b"content-length:")
        is_whole = (
            len(body) >= int(rest.split(b"\r\n", 1)[0]) if found else body.endswith(b"0\r\n\r\n")
        )
        return int(head[9:12]) if is_whole else None


def replay(port: int, requests: list[bytes], *, connections: int, seconds: float) -> Seen:
    """Replay the file, and wait for what is under way at its end. Raises ConnectionError,
    TimeoutError."""
    poll, waiting = select.epoll(), iter(requests)
    opened = {}
    for _ in range(connections):
        connection = Connection(port)
        opened[connection.socket.fileno()] = connection
        poll.register(connection.socket, select.EPOLLIN)
    began = time.perf_counter()
    ends, taken, accepted = began + seconds, [], 0
    busy = {number for number, one in opened.items() if _next(one, waiting)}
    while busy:
        ready = poll.poll(GIVES_UP_AFTER_SECONDS)
        if not ready:
            raise TimeoutError(f"no answer within {GIVES_UP_AFTER_SECONDS} s")
        for number, _ in ready:
            connection = opened[number]
            connection.received += (piece := connection.socket.recv(65536))
            if not piece:
                raise ConnectionError("the server closed a connection within an answer")
            if (status := connection.status()) is None:
                continue
            now = time.perf_counter()
            taken.append(now - connection.sent_at)
            accepted += 200 <= status < 300
            connection.received = b""
            if now >= ends or not _next(connection, waiting):
                busy.discard(number)
    elapsed = time.perf_counter() - began
    for connection in opened.values():
        connection.socket.close()
    poll.close()
    return _seen(taken, accepted, elapsed)


def _next(connection: Connection, requests: Iterator[bytes]) -> bool:
    request = next(requests, None)
    if request is not None:
        connection.send(request)
    return request is not None


def _seen(taken: list[float], accepted: int, elapsed: float) -> Seen:
    ordered = sorted(taken)
    return Seen(
        accepted=accepted,
        refused=len(taken) - accepted,
        seconds=elapsed,
        p50_ms=ordered[len(ordered) // 2] * 1000,
        p99_ms=ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] * 1000,
    )


if __name__ == "__main__":
    port, file, connections, seconds = sys.argv[1:]
    requests = read(Path(file))
    seen = replay(int(port), requests, connections=int(connections), seconds=float(seconds))
    print(json.dumps(asdict(seen)))
