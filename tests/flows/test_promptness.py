"""With webhooks on, a status is committed well within the second that is promised."""

from __future__ import annotations

import json
import threading
import time
from itertools import islice

import psycopg
import pytest

from tests.flows.stream import Stream
from tests.instance.running import Running, until

pytestmark = pytest.mark.timeout(180)
EVENTS = 50


def seconds_until_seen(connection: psycopg.Connection, stream: Stream, body: bytes) -> float:
    """Return the seconds from the POST until another connection sees the status that it brings."""
    said = json.loads(body)
    status = "connected" if said["event"] == "session_ready" else "disconnected"
    sending = threading.Thread(target=stream.post, args=(body,))
    began = time.monotonic()
    sending.start()

    def is_seen() -> bool:
        row = connection.execute(
            "SELECT status FROM whatsapp_accounts WHERE session_id = %s",
            [said["data"]["session_id"]],
        ).fetchone()
        return row == (status,)

    until(is_seen)
    took = time.monotonic() - began
    sending.join()
    return took


def test_a_status_is_seen_within_a_second_of_its_webhook(running: Running, stream: Stream) -> None:
    with psycopg.connect(running.access["database_url"], autocommit=True) as connection:
        took = [
            seconds_until_seen(connection, stream, body) for body in islice(stream.bodies(), EVENTS)
        ]
    assert sorted(took)[-2] < 1, took
