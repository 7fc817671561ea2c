"""`./run up`: one command, a whole instance, and nothing left behind."""

from __future__ import annotations

import os
import signal
import socket
import stat
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from tests.instance.running import Running, children_of, is_alive, until

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("instance") / "state"


@pytest.fixture(scope="module")
def running(state: Path) -> Iterator[Running]:
    instance = Running(state)
    try:
        instance.until_said("READY")
        yield instance
    finally:
        instance.close()


def status_of(url: str) -> int:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return int(answer.status)


def pid_of(running: Running, words: str) -> int:
    """The child of the supervisor whose command line holds `words`."""
    commands = {
        pid: Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        for pid in children_of(running.process.pid)
    }
    return next(pid for pid, command in commands.items() if words in command)


def test_it_answers_where_it_says_and_tells_its_facts_to_its_owner_alone(running: Running) -> None:
    access = running.access
    assert status_of(f"{access['url']}/health") == 200
    assert set(access) >= {
        *("url", "admin", "gateway", "database_url", "redis_url", "simulator_url"),
    }
    assert set(access["gateway"]) == {"name", "api_key", "hmac_secret"}
    assert stat.S_IMODE((running.state / "access.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(running.state.stat().st_mode) == 0o700


def test_it_prints_secrets_to_a_terminal_only(running: Running) -> None:
    said = "\n".join(running.lines)
    access = running.access
    assert access["admin"]["password"] not in said
    assert access["gateway"]["api_key"] not in said
    assert "access.json" in said


def test_it_keeps_secrets_off_every_command_line(running: Running) -> None:
    access = running.access
    lines = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in running.descendants()]
    for secret in (access["admin"]["password"], *list(access["gateway"].values())[1:]):
        assert not any(secret.encode() in line for line in lines)


def test_it_listens_on_loopback_only(running: Running) -> None:
    inodes = set()
    for pid in running.descendants():
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            target = os.readlink(descriptor) if descriptor.is_symlink() else ""
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    listening = [
        line.split()[1]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if line.split()[3] == "0A" and line.split()[9] in inodes
    ]
    assert listening
    assert all(address.startswith("0100007F:") for address in listening)


@pytest.mark.parametrize("name,words", [("redis", "redis"), ("worker", "celery -A config worker")])
def test_it_restarts_a_child_that_dies_and_says_so(running: Running, name: str, words: str) -> None:
    victim = pid_of(running, words)
    os.kill(victim, signal.SIGKILL)
    running.until_said(f"{name} died (killed by SIGKILL)")
    assert until(lambda: pid_of_or_none(running, words, other_than=victim))


def pid_of_or_none(running: Running, words: str, *, other_than: int) -> int | None:
    try:
        found = pid_of(running, words)
    except (StopIteration, OSError):
        return None
    return found if found != other_than else None


def test_its_database_survives_being_killed(running: Running) -> None:
    victim = pid_of(running, "bin/postgres")
    os.kill(victim, signal.SIGKILL)
    running.until_said("postgres died")

    def answers() -> bool:
        try:
            with psycopg.connect(running.access["database_url"], connect_timeout=2) as connection:
                return connection.execute("SELECT 1").fetchone() == (1,)
        except psycopg.OperationalError:
            return False

    assert until(answers)


def test_its_redis_wants_a_password(running: Running) -> None:
    url = running.access["redis_url"]
    port = int(url.rsplit(":", 1)[1].split("/")[0])

    def refuses() -> bool:
        try:
            with redis.Redis(port=port, retry=None) as client:
                client.ping()
        except redis.AuthenticationError:
            return True
        except redis.ConnectionError:
            return False  # just being restarted
        return False

    assert until(refuses)


def test_a_second_instance_of_the_same_state_is_refused(running: Running) -> None:
    second = Running(running.state)
    assert "already runs" in second.until_said("rollcall:")
    second.close()


def test_a_port_in_use_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        instance = Running(tmp_path / "state", port=taken.getsockname()[1])
        assert "is in use: give another one with --port" in instance.until_said("rollcall:")
        instance.process.wait(10)
        instance.close()
    assert len(instance.lines) == 1


def test_it_is_not_opened_to_others_beside_the_simulator(tmp_path: Path) -> None:
    instance = Running(tmp_path / "state", "--bind", "0.0.0.0")
    instance.until_said("give --no-simulator as well")
    instance.close()
    assert not (tmp_path / "state").exists()


def test_it_stops_in_order_and_finds_its_data_again_even_after_kill_9(tmp_path: Path) -> None:
    state = tmp_path / "state"
    first = Running(state, "--no-simulator")
    first.until_said("READY")
    access = first.access
    assert access["gateway"] is None
    assert access["simulator_url"] is None
    with psycopg.connect(access["database_url"], autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM whatsapp_accounts").fetchone() == (0,)
        connection.execute("INSERT INTO accounts_workspace (name) VALUES ('Toko Maju')")
    family = first.descendants()
    first.process.kill()
    until(lambda: not [pid for pid in family if is_alive(pid)], limit_seconds=15)
    first.close()

    second = Running(state, "--no-simulator", port=first.port)
    second.until_said("READY")
    assert second.access["admin"] == access["admin"]
    with psycopg.connect(second.access["database_url"]) as connection:
        found = connection.execute("SELECT name FROM accounts_workspace").fetchall()
    assert ("Toko Maju",) in found
    family = second.descendants()
    assert second.stop() < 10
    assert not [pid for pid in family if is_alive(pid)]
    assert second.process.returncode == 0
    second.close()
