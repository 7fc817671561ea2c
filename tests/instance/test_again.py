"""An instance that ends, in whatever way, leaves no process, and is found again as it was."""

from __future__ import annotations

import signal
from pathlib import Path

import psycopg
import pytest

from tests.instance.running import Running, is_alive, until

pytestmark = pytest.mark.timeout(180)


def query(running: Running, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(running.access["database_url"], autocommit=True) as connection:
        return connection.execute(statement).fetchall()


def is_gone(family: list[int]) -> bool:
    return not [pid for pid in family if is_alive(pid)]


def test_it_finds_its_data_again_after_kill_9_and_shows_its_logins_to_a_terminal(
    tmp_path: Path,
) -> None:
    state = tmp_path / "a state"
    with Running(state, "--no-simulator") as first:
        first.until_said("READY")
        access, family = first.access, first.descendants()
        assert (access["gateway"], access["simulator_url"]) == (None, None)
        assert query(first, "SELECT count(*) FROM whatsapp_accounts") == [(0,)]
        assert query(first, "SELECT count(*) FROM accounts_workspace") == [(0,)]
        query(first, "INSERT INTO accounts_workspace (name) VALUES ('Toko Maju') RETURNING id")
        first.process.kill()
        until(lambda: is_gone(family), limit_seconds=15)

    with Running(state, port=first.port, terminal=True) as second:
        second.until_said("all of it")
        assert second.access["admin"] == access["admin"]
        names = query(second, "SELECT name FROM accounts_workspace ORDER BY id LIMIT 1")
        assert names == [("Toko Maju",)]
        for secret in (
            second.access["admin"]["password"],
            second.access["gateway"]["api_key"],
            second.access["simulator_control_key"],
        ):
            assert secret in "\n".join(second.lines)
        family = second.descendants()
        assert second.stop() < 10
        assert is_gone(family)
        assert second.process.returncode == 0


@pytest.mark.parametrize("how,code", [(signal.SIGKILL, -9), (signal.SIGTERM, 0)])
def test_it_leaves_nothing_when_it_is_ended_while_it_starts(
    tmp_path: Path, how: signal.Signals, code: int
) -> None:
    with Running(tmp_path / "state") as running:
        family = until(lambda: running.descendants() or None)
        running.process.send_signal(how)
        assert running.process.wait(10) == code
        until(lambda: is_gone(family))
