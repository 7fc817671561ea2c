"""Strangers on 127.0.0.0/8: many lines on which little comes, each opened anew once it is cut."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from statistics import quantiles

from tests.webhooks.sending import as_bytes, lost
from tests.webhooks.serving import Answer, Server

DRIP_SECONDS = 0.1
# Attackers who come again at once; but no test shall fill the machine's ports.
MOST_LINES = 4000
SENDER_PATIENCE_SECONDS = 10  # of the Node service


@dataclass
class Line:
    socket: socket.socket
    answer: bytes = b""

    def has_ended(self) -> bool:
        with suppress(BlockingIOError):
            piece = self.socket.recv(4096)
            self.answer += piece
            return not piece
        return False


@dataclass
class Strangers:
    """`statuses` of the answers that they got; 0 for a line that was cut without one."""

    port: int
    begin: Callable[[], bytes]
    drop: bytes
    addresses: list[str]
    statuses: Counter[int] = field(default_factory=Counter)
    lines: list[Line] = field(default_factory=list)
    opened: Iterator[int] = field(default_factory=count)

    def open(self) -> None:
        number = next(self.opened)
        if number >= MOST_LINES:
            return
        address = self.addresses[number % len(self.addresses)]
        line = socket.create_connection(("127.0.0.1", self.port), 30, (address, 0))
        with suppress(OSError):
            line.sendall(self.begin())
        line.setblocking(False)
        self.lines.append(Line(line))

    def drip(self) -> None:
        for line in list(self.lines):
            try:
                has_ended = line.has_ended()
                if not has_ended and not line.answer:
                    line.socket.send(self.drop)
            except BlockingIOError:
                continue
            except OSError:
                has_ended = True
            if has_ended:
                self.close(line)
                self.open()

    def close(self, line: Line) -> None:
        line.socket.close()
        self.lines.remove(line)
        self.statuses[int(line.answer.split()[1]) if line.answer else 0] += 1


@contextmanager
def strangers(
    port: int, count: int, *, begin: Callable[[], bytes], drop: bytes, addresses: list[str]
) -> Iterator[Strangers]:
    """This many at once, until the block ends."""
    these, over = Strangers(port, begin, drop, addresses), threading.Event()
    for _ in range(count):
        these.open()

    def go_on() -> None:
        while not over.wait(DRIP_SECONDS):
            these.drip()

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield these
    finally:
        over.set()
        thread.join()
        for line in these.lines:
            line.socket.close()


@dataclass
class Figures:
    """How good webhooks fared: which statuses (0: no answer within the sender's patience)."""

    statuses: Counter[int]
    p95_seconds: float

    @property
    def taken_share(self) -> float:
        return self.statuses[200] / self.statuses.total()


def good_ones(server: Server, secret: str, *, seconds: float, senders: int = 4) -> Figures:
    """Good small webhooks by this many senders, ten a second each."""
    ends, numbers, answers = time.monotonic() + seconds, count(), []

    def speak(_: int) -> None:
        while time.monotonic() < ends:
            answers.append(_sent(server, secret, next(numbers)))
            time.sleep(0.1)

    with ThreadPoolExecutor(senders) as pool:
        list(pool.map(speak, range(senders)))
    return Figures(
        Counter(answer.status for answer in answers),
        quantiles([answer.seconds for answer in answers], n=20)[-1],
    )


def _sent(server: Server, secret: str, number: int) -> Answer:
    began = time.monotonic()
    try:
        answer = server.send_signed(secret, as_bytes(lost(number=number)))
    except (OSError, IndexError):
        return Answer(0, b"", time.monotonic() - began)
    late = answer.seconds > SENDER_PATIENCE_SECONDS
    return Answer(0 if late else answer.status, answer.content, answer.seconds)
