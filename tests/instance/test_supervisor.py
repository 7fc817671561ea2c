"""A child that cannot live ends everything, with its reason and its log."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from instance.children import Child
from instance.state import Trouble
from instance.supervisor import Supervisor
from tests.instance.running import is_alive


def a_child(log: Path, script: str, name: str = "victim") -> Child:
    return Child(
        name=name, command=["/bin/sh", "-c", script], environment={"PATH": "/usr/bin:/bin"}, log=log
    )


def test_five_deaths_in_a_minute_end_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = iter(range(10_000))
    monkeypatch.setattr(time, "monotonic", lambda: next(moments) / 10)
    said: list[str] = []
    supervisor = Supervisor(said.append)
    supervisor.start(a_child(tmp_path / "victim.log", "echo out of beans; exit 3"))
    with pytest.raises(Trouble, match=r"victim died 5 times in a minute \(exit code 3\).*beans"):
        supervisor.watch()
    assert len(said) == 4
    assert all(str(tmp_path / "victim.log") in line for line in said)
    supervisor.stop()


def test_a_child_that_does_not_listen_is_killed_with_what_it_started(tmp_path: Path) -> None:
    supervisor = Supervisor(lambda line: None)
    script = "trap '' TERM; sleep 300 & echo $!; wait; wait"
    child = a_child(tmp_path / "deaf.log", script, "deaf")
    supervisor.start(child)
    while not (tmp_path / "deaf.log").read_text().strip():
        time.sleep(0.02)
    grandchild = int((tmp_path / "deaf.log").read_text())
    pid = child.pid
    child.stop(patience_seconds=0.2)
    assert not is_alive(pid)
    assert not is_alive(grandchild)
