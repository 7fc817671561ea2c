"""Whatever is killed under a stream of webhooks, what was answered 2xx is kept, and applied."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import psycopg
import pytest

from tests.flows.stream import Stream
from tests.instance.running import Running, children_of, until

pytestmark = pytest.mark.timeout(180)
EVENTS = 300
SETTLED = {"applied", "superseded", "ignored"}


def pid_of(running: Running, words: str) -> int:
    """The child of the supervisor whose command line holds `words`."""
    for pid in children_of(running.process.pid):
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        if words in command:
            return pid
    raise AssertionError(f"no child runs {words}")


def story_of(running: Running, stream: Stream, words: str) -> None:
    """A stream in whose midst the process that runs `words` is killed."""
    sending = threading.Thread(target=stream.send, args=(EVENTS,))
    sending.start()
    until(lambda: len(stream.accepted) > EVENTS // 3)
    os.kill(pid_of(running, words), signal.SIGKILL)
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
    said_before = len(running.lines)
    story_of(running, stream, words)
    until(lambda: any(f"{victim} died" in line for line in running.lines[said_before:]))
    until(lambda: database_answers(running))
    database_url = running.access["database_url"]
    assert set(stream.states(database_url)) == set(stream.accepted)
    until(lambda: set(stream.states(database_url).values()) <= SETTLED, limit_seconds=60)
    assert sum(stream.answers.values()) == EVENTS
    assert set(stream.answers) <= {"200", "503", "no answer"}
    assert len(stream.accepted) > EVENTS // 3
