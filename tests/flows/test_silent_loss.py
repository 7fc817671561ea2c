"""With every webhook lost the database still tells the truth: real worker, beat and gateway.

The clocks run faster than in earnest, all by about the same: the promises are a pass (20 s) and
5 s more for a loss, the age of a live word (45 s), a sweep and a little for blindness.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator

import psycopg
import pytest

from tests.instance.running import ROOT, Running, until

EVERY = int(os.environ.get("SILENT_LOSS_EVERY", 5))
EXPIRES = EVERY * 9 // 4
SOON = EVERY + 5
pytestmark = pytest.mark.timeout(240)


class Watched:
    """An instance whose simulated gateway sends no webhook, and is only observed."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.gateway = running.access["gateway"]["name"]

    def control(self, path: str, **fields: object) -> None:
        access = self.running.access
        request = urllib.request.Request(
            f"{access['simulator_control_url']}/_control/{path}",
            data=json.dumps(fields).encode(),
            headers={"X-Control-Key": access["simulator_control_key"]},
        )
        urllib.request.urlopen(request, timeout=10).close()

    def manage(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-P", "-m", "instance", "manage", *words],
            env={**os.environ, "ROLLCALL_STATE": str(self.running.state), "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )

    def select(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        with psycopg.connect(self.running.access["database_url"]) as connection:
            return connection.execute(sql, values).fetchall()

    def was_read(self) -> bool:
        return bool(self.select("SELECT FROM accounts_gateway WHERE listed_at IS NOT NULL"))

    def in_state(self, status: str) -> list[str]:
        rows = self.select(
            "SELECT session_id FROM whatsapp_accounts WHERE status = %s ORDER BY id", status
        )
        return [str(session_id) for (session_id,) in rows]

    def story_of(self, session_id: str) -> list[tuple[object, ...]]:
        return self.select(
            "SELECT from_status, to_status, reason FROM account_transitions JOIN whatsapp_accounts"
            " account ON account.id = account_id WHERE account.session_id = %s"
            " ORDER BY account_transitions.id",
            session_id,
        )


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    clocks = {
        "ROLL_CALL_EVERY_SECONDS": str(EVERY),
        "LIVE_WORD_EXPIRES_AFTER_SECONDS": str(EXPIRES),
    }
    running = Running(tmp_path_factory.mktemp("silent") / "state", **clocks)
    try:
        running.until_said("READY")
        yield Watched(running)
    finally:
        running.close()


def test_a_session_is_lost_then_the_gateway_and_then_it_is_back(watched: Watched) -> None:
    watched.control("webhooks", silent=True)
    watched.manage("gateway_mode", watched.gateway, "observe")
    until(watched.was_read, limit_seconds=SOON)
    lost, *others = watched.in_state("connected")
    before = watched.story_of(lost)

    watched.control(f"sessions/{lost}/lose")
    took(lambda: lost in watched.in_state("disconnected"), SOON, "lost in silence")

    watched.control("gateway/stop")
    took(lambda: set(others) <= set(watched.in_state("unknown")), EXPIRES + 15, "blind")
    check = watched.manage("monitor_sessions", "--json")
    assert (check.returncode, json.loads(check.stdout)["in_sync"]) == (1, False)
    assert all("disconnected" not in words for one in others for words in watched.story_of(one))

    watched.control("gateway/start")
    took(lambda: set(others) <= set(watched.in_state("connected")), SOON, "back")
    assert watched.story_of(lost)[len(before) :] == [("connected", "disconnected", "missing")]


def took(condition: Callable[[], bool], limit_seconds: float, what: str) -> None:
    began = time.monotonic()
    until(condition, limit_seconds=limit_seconds)
    print(f"{what}: {time.monotonic() - began:.1f} s")
