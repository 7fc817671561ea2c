"""Floods, through the real web process: of strangers, whose rows stay bounded, and of one gateway,
which the others must not notice."""

from __future__ import annotations

import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from statistics import median

from django.db import connection

from tests.cast import a_gateway
from tests.webhooks.sending import as_bytes, event, give_secret, lost, signed
from tests.webhooks.serving import Answer, Server
from tests.webhooks.wire.test_large_bodies import Watch
from webhooks.models import Delivery, RefusedRequest, RouteTally
from webhooks.route_monitor.refused_requests import MOST_FROM_ONE, WAITING, flush_refusals
from webhooks.route_monitor.tallies import flush_tallies

STRANGERS = 1500
MOST_GROWTH_BYTES = 64_000_000


class Ring(threading.Thread):
    """Writes down what was refused, as the worker does, and looks how much is kept."""

    def __init__(self, redis) -> None:
        super().__init__()
        self.redis, self.most_rows, self.most_waiting = redis, 0, 0
        self.over = threading.Event()

    def run(self) -> None:
        try:
            while not self.over.wait(0.05):
                self.most_waiting = max(self.most_waiting, self.redis.llen(WAITING))
                flush_refusals()
                self.most_rows = max(self.most_rows, RefusedRequest.objects.count())
        finally:
            connection.close()


def test_a_flood_of_strangers_leaves_few_rows_and_holds_nobody_up(server, secret, throwaway_redis):
    body = as_bytes(event("message_received", message={"body": "x" * 500}))
    ways = [{"X-API-Key": "a stranger's"}, {}, signed("forged", body)]
    ring = Ring(throwaway_redis)
    ring.start()
    with Watch(server, secret) as watch, ThreadPoolExecutor(16) as senders:
        answers = list(
            senders.map(lambda number: server.send(body, ways[number % 3]), range(STRANGERS))
        )
    ring.over.set()
    ring.join()
    flush_refusals()
    flush_tallies()
    assert {answer.status for answer in answers} == {401}
    assert max(ring.most_rows, ring.most_waiting, RefusedRequest.objects.count()) <= MOST_FROM_ONE
    assert RouteTally.objects.get(gateway=None, span="ever").refused == STRANGERS
    assert {answer.status for answer in watch.answers} == {200}
    assert median(answer.seconds for answer in watch.answers) < 1
    assert watch.most - watch.before < MOST_GROWTH_BYTES


@contextmanager
def a_flood(server: Server, secret: str, *, connections: int):
    """The answers to one that sends as fast as it can, and heeds Retry-After."""
    over, answers = threading.Event(), []
    numbers = count()  # the same words, signed within one second, would be a repetition

    def send(_: int) -> None:
        while not over.is_set():
            answer = server.send_signed(secret, as_bytes(lost(number=next(numbers))))
            answers.append(answer.status)
            over.wait(1 if answer.status == 429 else 0)

    with ThreadPoolExecutor(connections) as senders:
        sending = senders.map(send, range(connections))
        yield answers
        over.set()
        list(sending)


def once_a_second(server: Server, secret: str, *, seconds: int) -> list[Answer]:
    answers = []
    for _ in range(seconds):
        answers.append(server.send_signed(secret, as_bytes(event("session_ready", "erin"))))
        time.sleep(1 - min(1, answers[-1].seconds))
    return answers


def test_one_gateway_that_floods_is_told_to_wait_and_nine_others_do_not_notice(server, secret):
    others = [f"secret {number} {secrets.token_hex(8)}" for number in range(9)]
    for number, own in enumerate(others):
        give_secret(a_gateway(f"node-{number}", base_url=f"http://n{number}:3001"), "hmac", own)
    server.learn(others[-1])
    with a_flood(server, secret, connections=80) as flooded, ThreadPoolExecutor(9) as nine:
        rounds = nine.map(lambda own: once_a_second(server, own, seconds=3), others)
        answers = [answer for one in rounds for answer in one]
    assert {answer.status for answer in answers} == {200}
    assert median(answer.seconds for answer in answers) < 1
    assert set(flooded) == {200, 429}
    assert Delivery.objects.filter(session_id="alice").count() == flooded.count(200)
