"""The simulated gateway is somebody else's: no secret of ours, and its end is not ours."""

from __future__ import annotations

import json
import os
import signal
import socket
from pathlib import Path

import psycopg
import pytest

from tests.instance.running import Running, listening, until

pytestmark = pytest.mark.timeout(180)
ITS_OWN = {"gateway_api_key", "gateway_hmac_secret", "simulator_control_key"}


def test_it_gets_none_of_our_secrets(running: Running) -> None:
    secrets = json.loads((running.state / "secrets.json").read_text())
    pid = until(lambda: running.child("-m simulator"))
    seen = Path(f"/proc/{pid}/environ").read_text() + Path(f"/proc/{pid}/cmdline").read_text()

    assert {name for name, value in secrets.items() if value in seen} == ITS_OWN
    assert running.access["database_url"] not in seen
    assert running.access["redis_url"] not in seen


def test_what_our_own_environment_holds_is_not_passed_on_to_it(tmp_path: Path) -> None:
    """Also: its port is taken just after it was chosen, while it is down. It moves, the gateway's
    row with it, and the instance goes on."""
    with Running(tmp_path / "state", METRICS_TOKEN="hunter2") as running:
        running.until_said("READY")
        victim = until(lambda: running.child("-m simulator"))
        assert "hunter2" not in Path(f"/proc/{victim}/environ").read_text()
        before = running.access["simulator_url"]

        os.kill(victim, signal.SIGKILL)
        with taken(int(before.rsplit(":", 1)[1])):
            said = running.until_said("A port of the simulated gateway is taken: it is at")
            now = running.access["simulator_url"]
            assert now != before and now in said
            assert base_url(running) == now
            until(lambda: now.removeprefix("http://") in listening(running))
            assert until(running.is_well)


def taken(port: int) -> socket.socket:
    """Listens there as soon as nobody does."""

    def attempt() -> socket.socket | None:
        server = socket.socket()
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind(("127.0.0.1", port))
            server.listen()
        except OSError:
            server.close()
            return None
        return server

    found: socket.socket = until(attempt)
    return found


def base_url(running: Running) -> str:
    with psycopg.connect(running.access["database_url"]) as connection:
        row = connection.execute("SELECT base_url FROM accounts_gateway").fetchone()
    assert row is not None
    return str(row[0])
