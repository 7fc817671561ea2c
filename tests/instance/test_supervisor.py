"""A child that cannot live ends everything, with its reason and its log."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from instance.processes.children import Child
from instance.processes.supervisor import Supervisor
from instance.state import Trouble
from tests.instance.running import is_alive, until

FOR_EVER = "while :; do sleep 0.02; done"


def a_child(log: Path, script: str, name: str = "victim") -> Child:
    return Child(
        name=name, command=["/bin/sh", "-c", script], environment={"PATH": "/usr/bin:/bin"}, log=log
    )


def test_five_deaths_in_a_minute_end_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("instance.processes.supervisor.LOOK_EVERY_SECONDS", 0.01)
    monkeypatch.setattr("instance.processes.supervisor.FIRST_PAUSE_SECONDS", 0.01)
    said: list[str] = []
    supervisor = Supervisor(said.append)
    supervisor.start(a_child(tmp_path / "victim.log", "echo out of beans; exit 3"))
    with pytest.raises(Trouble, match=r"victim died 5 times in a minute \(exit code 3\).*beans"):
        supervisor.watch()
    assert len(said) == 4
    assert all(str(tmp_path / "victim.log") in line for line in said)
    supervisor.stop()


def test_deaths_that_lie_apart_end_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("instance.processes.supervisor.WITHIN_SECONDS", 0)
    monkeypatch.setattr("instance.processes.supervisor.FIRST_PAUSE_SECONDS", 0)
    said: list[str] = []
    supervisor = Supervisor(said.append)
    supervisor.start(a_child(tmp_path / "victim.log", "exit 3"))

    def has_died_often() -> bool:
        supervisor.look()
        return len(said) > 5

    until(has_died_often)
    supervisor.stop()


def test_what_is_not_needed_may_die_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("instance.processes.supervisor.FIRST_PAUSE_SECONDS", 0)
    said: list[str] = []
    supervisor = Supervisor(said.append)
    child = a_child(tmp_path / "simulator.log", "exit 3", "simulator")
    child.is_needed = False
    supervisor.start(child)

    def has_died_often() -> bool:
        supervisor.look()
        return len(said) > 7

    until(has_died_often)
    supervisor.stop()


def test_what_cannot_be_made_ready_for_its_restart_ends_others_only_if_it_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("instance.processes.supervisor.FIRST_PAUSE_SECONDS", 0)
    said: list[str] = []
    supervisor = Supervisor(said.append)

    def fail() -> None:
        raise Trouble("no free port")

    child = a_child(tmp_path / "simulator.log", "exit 3", "simulator")
    child.is_needed, child.before_restart = False, fail
    supervisor.start(child)

    def is_put_off() -> bool:
        supervisor.look()
        return said[1:] == ["simulator is not restarted yet: no free port"]

    until(is_put_off)
    child.is_needed, supervisor._restart_at["simulator"] = True, 0
    with pytest.raises(Trouble, match="no free port"):
        supervisor.look()
    supervisor.stop()


def test_all_of_them_stop_in_reverse_order(tmp_path: Path) -> None:
    supervisor = Supervisor(lambda line: None)
    log = tmp_path / "both.log"
    for name in ("database", "web"):
        script = f"trap 'echo {name} stopped; exit' TERM; echo {name} listens; {FOR_EVER}"
        supervisor.start(a_child(log, script, name))
        until(lambda name=name: f"{name} listens" in log.read_text())
    supervisor.stop()
    assert log.read_text().splitlines()[2:] == ["web stopped", "database stopped"]


def test_deaf_children_do_not_delay_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("instance.processes.supervisor.STOP_WITHIN_SECONDS", 0.5)
    supervisor = Supervisor(lambda line: None)
    for number in range(4):
        log = tmp_path / f"{number}.log"
        supervisor.start(a_child(log, f"trap '' TERM; echo deaf; {FOR_EVER}", log.stem))
        until(log.read_text)
    pids = [child.pid for child in supervisor.children]
    began = time.monotonic()
    supervisor.stop()
    assert time.monotonic() - began < 5
    assert not any(map(is_alive, pids))


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
