"""A business's own backend goes away and comes back: it gets every state event, in its order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import count, islice

import psycopg
import pytest

from tests.flows.stream import SECRET, Stream, manage
from tests.instance.running import Running, until
from tests.webhooks.forwarding.backends import FakeBackend, a_backend

EVENTS = 12


@pytest.fixture
def backend(running: Running, stream: Stream) -> Iterator[FakeBackend]:
    """The backend of the stream's gateway, once both of the web's processes know it."""
    with a_backend() as backend:
        known = ("--api-key", "stream-key", "--hmac-secret", SECRET)
        manage(running, "gateway_add", "--name", "stream", "--forward-url", backend.url, *known)
        message = b'{"event":"message_received","data":{"session_id":"stream-0","number":%d}}'
        numbers = count()  # the same, signed within one second, would be a repetition
        until(
            lambda: {stream.post(message % next(numbers))[1] for _ in range(10)} == {backend.body}
        )
        backend.arrived.clear()
        yield backend
        manage(running, "gateway_add", "--name", "stream", "--forward-url", "")


def test_a_backend_that_was_away_gets_every_state_event_in_its_order(
    running: Running, stream: Stream, backend: FakeBackend
) -> None:
    backend.status = 503
    bodies = list(islice(stream.bodies(), EVENTS))
    assert {stream.post(body)[0] for body in bodies} == {200}
    until(lambda: backend.arrived)
    assert waiting(running) == EVENTS

    backend.arrived.clear()
    backend.status = 200
    until(lambda: waiting(running) == 0)
    digests = [hashlib.sha256(body).hexdigest() for body in bodies]
    assert [arrived.digest for arrived in backend.arrived][-EVENTS:] == digests


def waiting(running: Running) -> int:
    with psycopg.connect(running.access["database_url"]) as connection:
        row = connection.execute("SELECT count(*) FROM webhook_forwards").fetchone()
    return int(row[0]) if row else 0
