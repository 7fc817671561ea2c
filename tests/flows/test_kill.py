"""Whatever is killed under a stream of webhooks, what was answered 2xx is kept, and applied."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import pytest

from tests.flows.stream import Stream
from tests.instance.running import ROOT, Running, children_of, until

pytestmark = pytest.mark.timeout(180)
EVENTS = 300
SETTLED = {"applied", "superseded", "ignored"}


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


@pytest.fixture(scope="module")
def sessions(running: Running) -> list[str]:
    """Five numbers in a workspace of their own; nobody listens where their gateway should be."""
    secrets = ("--api-key", "stream-key", "--hmac-secret", "stream-secret")
    manage(running, "gateway_add", "--name", "stream", "--url", "http://127.0.0.1:9", *secrets)
    workspace = manage(running, "workspace_add", "--name", "Stream")
    names = [f"stream-{number}" for number in range(5)]
    with psycopg.connect(running.access["database_url"], autocommit=True) as connection:
        for number, name in enumerate(names):
            connection.execute(
                "INSERT INTO whatsapp_accounts (uuid, workspace_id, gateway_id, phone_number,"
                " session_id, wanted, status, status_reason, status_raw, last_known_status, proof)"
                " SELECT gen_random_uuid(), %s, id, %s, %s, 'running', 'pending', '', '', '', ''"
                " FROM accounts_gateway WHERE name = 'stream'",
                [workspace["id"], f"628990000{number:03}", name],
            )
    return names


def pid_of(running: Running, words: str) -> int:
    """The child of the supervisor whose command line holds `words`."""
    for pid in children_of(running.process.pid):
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        if words in command:
            return pid
    raise AssertionError(f"no child runs {words}")


def story_of(running: Running, sessions: list[str], words: str) -> Stream:
    """A stream in whose midst the process that runs `words` is killed."""
    access = running.access
    with psycopg.connect(access["database_url"]) as connection:
        row = connection.execute(
            "SELECT workspace_id FROM whatsapp_accounts WHERE session_id = %s", [sessions[0]]
        ).fetchone()
    assert row is not None
    stream = Stream(access["url"], "stream-secret", sessions, row[0])
    sending = threading.Thread(target=stream.send, args=(EVENTS,))
    sending.start()
    until(lambda: len(stream.accepted) > EVENTS // 3)
    os.kill(pid_of(running, words), signal.SIGKILL)
    sending.join()
    return stream


def database_answers(running: Running) -> bool:
    try:
        psycopg.connect(running.access["database_url"], connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.mark.parametrize(
    "victim,words",
    [("worker", "celery -A config worker"), ("redis", "redis"), ("postgres", "bin/postgres")],
)
def test_what_was_answered_2xx_outlives_kill_9(
    running: Running, sessions: list[str], victim: str, words: str
) -> None:
    said_before = len(running.lines)
    stream = story_of(running, sessions, words)
    until(lambda: any(f"{victim} died" in line for line in running.lines[said_before:]))
    until(lambda: database_answers(running))
    database_url = running.access["database_url"]
    assert set(stream.states(database_url)) == set(stream.accepted)
    until(lambda: set(stream.states(database_url).values()) <= SETTLED, limit_seconds=60)
    assert sum(stream.answers.values()) == EVENTS
    assert set(stream.answers) <= {"200", "503", "no answer"}
    assert len(stream.accepted) > EVENTS // 3
