"""Whatever is killed under a stream of webhooks, what was answered 2xx is kept, and applied."""

from __future__ import annotations

import threading

import psycopg
import pytest

from tests.flows.stream import Stream
from tests.instance.running import Running, until

pytestmark = pytest.mark.timeout(180)
EVENTS = 300
SETTLED = {"applied", "superseded", "ignored"}


def kill_amid(running: Running, stream: Stream, victim: str, words: str) -> None:
    """The process that runs `words`, in the midst of a stream."""
    sending = threading.Thread(target=stream.send, args=(EVENTS,))
    sending.start()
    until(lambda: len(stream.accepted) > EVENTS // 3)
    running.until_killed(victim, words)
    sending.join()


def database_answers(running: Running) -> bool:
    try:
        psycopg.connect(running.access["database_url"], connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.mark.parametrize(
    "victim,words",
    [("worker", "-A config worker"), ("redis", "redis"), ("postgres", "bin/postgres")],
)
def test_what_was_answered_2xx_outlives_kill_9(
    running: Running, stream: Stream, victim: str, words: str
) -> None:
    kill_amid(running, stream, victim, words)
    until(lambda: database_answers(running))
    database_url = running.access["database_url"]
    assert set(stream.states(database_url)) == set(stream.accepted)
    until(lambda: set(stream.states(database_url).values()) <= SETTLED, limit_seconds=60)
    assert sum(stream.answers.values()) == EVENTS
    assert set(stream.answers) <= {"200", "503", "no answer"}
    assert len(stream.accepted) > EVENTS // 3
