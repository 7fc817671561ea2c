"""Media arrive inlined: 50 MB at once, from many, true or forged, in bounded memory."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import pytest

from tests.webhooks.sending import Sender, as_bytes, event, lost, signed
from tests.webhooks.serving import Answer, Server

FIFTY_MB = 50_000_000
MOST_GROWTH_BYTES = 64_000_000


def picture(size: int = FIFTY_MB) -> bytes:
    said = event("message_received", message={"media": {"data": "MEDIA"}})
    head, tail = as_bytes(said).split(b"MEDIA")
    return head + b"A" * size + tail


class Watch:
    """Weighs the server, and sends it a good small webhook, again and again."""

    def __init__(self, server: Server, secret: str) -> None:
        self.server, self.secret = server, secret
        self.before = self.most = server.memory_bytes()
        self.answers: list[Answer] = []
        self._over = threading.Event()
        self._jobs = [threading.Thread(target=job) for job in (self._weigh, self._speak)]

    def _weigh(self) -> None:
        while not self._over.wait(0.02):
            self.most = max(self.most, self.server.memory_bytes())

    def _speak(self) -> None:
        while not self._over.wait(0.1):
            self.answers.append(self.server.send_signed(self.secret, as_bytes(lost())))

    def __enter__(self) -> Watch:
        for job in self._jobs:
            job.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        for job in self._jobs:
            job.join()


def at_once(times: int, server: Server, secret: str, body: bytes) -> list[Answer]:
    length = {"Content-Length": str(len(body))}
    headers = [signed(secret, body) | length for _ in range(times)]
    with ThreadPoolExecutor(times) as senders:
        return list(senders.map(lambda each: server.exchange([body], each), headers))


def test_sixteen_good_bodies_of_50_mb_pass_in_bounded_memory(server, crowd):
    with Watch(server, crowd) as watch:
        answers = at_once(16, server, crowd, picture())
    assert [answer.status for answer in answers] == [200] * 16
    assert watch.most - watch.before < MOST_GROWTH_BYTES


def test_twenty_forged_ones_are_refused_while_good_small_webhooks_pass(server, crowd):
    with Watch(server, crowd) as watch:
        answers = at_once(20, server, "forged", picture())
    assert {answer.status for answer in answers} <= {401, 429}
    assert watch.most - watch.before < MOST_GROWTH_BYTES
    assert {answer.status for answer in watch.answers} == {200}
    # Not the slowest: the senders of these gigabytes need the same processors.
    assert median(answer.seconds for answer in watch.answers) < 1


# Where the pieces of a large body end: characters and escapes are cut in two there.
FIRST_PIECES, PIECE = 5 * 65_536, 65_536


@pytest.mark.parametrize("text", ["é" * 2000, "😀" * 2000, r"\ud83d\ude00" * 500, "\\\\" * 3000])
@pytest.mark.parametrize("shift", range(8))
def test_long_texts_may_lie_across_the_borders_of_pieces(cast, sender, text, shift):
    head = b'{"event":"message_received","data":{"session_id":"alice","pad":"'
    start = FIRST_PIECES + 2 * PIECE - 20 + shift
    body = head + b"x" * (start - len(head) - 7) + b'","t":"' + text.encode() + b'","u":"'
    answer = sender.send(body + b"y" * 200_000 + b'"}}')
    assert answer.json() == {"success": True, "state": "noted"}


def test_a_large_body_without_long_texts_is_too_large(cast, sender):
    answer = sender.send(event("message_received", parts=["abc"] * 100_000))
    assert answer.status_code == 413 and answer.json()["reason"]


def test_nothing_larger_than_64_mb_is_read(cast):
    headers = signed("any", b"") | {"X-API-Key": "", "Content-Length": str(64 * 2**20 + 1)}
    answer = Sender().client.generic("POST", "/api/webhooks/webjs", b"", headers=headers)
    assert answer.status_code == 413 and "larger than" in answer.json()["reason"]
