"""An instance that ends, in whatever way, leaves no process, and is found again as it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.instance.running import Running, is_alive, until

pytestmark = pytest.mark.timeout(180)


def query(running: Running, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(running.access["database_url"], autocommit=True) as connection:
        return connection.execute(statement).fetchall()


def test_it_finds_its_data_again_after_kill_9_and_shows_its_logins_to_a_terminal(
    tmp_path: Path,
) -> None:
    state = tmp_path / "a state"
    first = Running(state, "--no-simulator")
    first.until_said("READY")
    access, family = first.access, first.descendants()
    assert (access["gateway"], access["simulator_url"]) == (None, None)
    assert query(first, "SELECT count(*) FROM whatsapp_accounts") == [(0,)]
    assert query(first, "SELECT count(*) FROM accounts_workspace") == [(0,)]
    query(first, "INSERT INTO accounts_workspace (name) VALUES ('Toko Maju') RETURNING id")
    first.process.kill()
    until(lambda: not [pid for pid in family if is_alive(pid)], limit_seconds=15)
    first.close()

    second = Running(state, port=first.port, terminal=True)
    second.until_said("all of it")
    assert second.access["admin"] == access["admin"]
    assert query(second, "SELECT name FROM accounts_workspace ORDER BY id LIMIT 1") == [
        ("Toko Maju",)
    ]
    said = "\n".join(second.lines)
    for secret in (
        second.access["admin"]["password"],
        second.access["gateway"]["api_key"],
        second.access["simulator_control_key"],
    ):
        assert secret in said
    family = second.descendants()
    assert second.stop() < 10
    assert not [pid for pid in family if is_alive(pid)]
    assert second.process.returncode == 0


@pytest.mark.parametrize("how", ["kill", "terminate"])
def test_it_leaves_nothing_when_it_is_ended_while_it_starts(tmp_path: Path, how: str) -> None:
    running = Running(tmp_path / "state")
    family = until(lambda: running.descendants() or None)
    end: Callable[[], None] = getattr(running.process, how)
    end()
    running.process.wait(10)
    until(lambda: not [pid for pid in [*family, *running.descendants()] if is_alive(pid)])
    running.close()
    assert running.process.returncode == {"kill": -9, "terminate": 0}[how]
