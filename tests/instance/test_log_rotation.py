"""A log that grows while its process runs is moved aside."""

from __future__ import annotations

from pathlib import Path

import pytest

from instance.processes.supervisor import Supervisor
from tests.instance.running import until
from tests.instance.test_supervisor import a_child

TALKS = "n=0; while [ $n -lt 3000 ]; do n=$((n+1)); echo line $n; done; while :; do sleep 0.1; done"
LIMIT_BYTES = 10_000


def test_it_rotates_while_the_process_goes_on_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("instance.processes.children.LARGEST_LOG_BYTES", LIMIT_BYTES)
    log, aside = tmp_path / "victim.log", tmp_path / "victim.log.1"
    supervisor = Supervisor(lambda text: None)
    supervisor.start(a_child(log, TALKS))

    def has_rotated() -> bool:
        supervisor.look()
        return aside.exists() and log.stat().st_size <= LIMIT_BYTES

    until(has_rotated)
    with log.open("ab") as more:
        more.write(b"the end\n")
    assert supervisor.child("victim").has_said("the end")
    assert not supervisor.child("victim").has_died()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["victim.log", "victim.log.1"]
    assert aside.stat().st_mode & 0o777 == 0o600
    assert b"\0" not in log.read_bytes() + aside.read_bytes()
    supervisor.stop()


def test_a_small_log_stays(tmp_path: Path) -> None:
    supervisor = Supervisor(lambda text: None)
    supervisor.start(a_child(tmp_path / "victim.log", "echo hello; sleep 60"))
    until(lambda: supervisor.child("victim").has_said("hello"))
    supervisor.look()
    assert [path.name for path in tmp_path.iterdir()] == ["victim.log"]
    supervisor.stop()
