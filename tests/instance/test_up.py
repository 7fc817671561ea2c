"""`./run up`: one command, a whole instance, and nothing left behind."""

from __future__ import annotations

import json
import os
import pwd
import stat
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psutil
import psycopg
import pytest
import redis

from instance import account
from tests.instance.running import (
    Running,
    a_checkout,
    listening,
    plain_environment,
    until,
)

pytestmark = pytest.mark.timeout(180)
as_root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")


def test_what_it_logs_is_one_json_object_a_line(running: Running) -> None:
    assert until(running.is_well)  # of its web processes one may still find a killed child gone
    lines = [
        line
        for name in ("web", "worker", "beat")
        for line in (running.state / "logs" / f"{name}.log").read_text().splitlines()
    ]
    assert lines
    assert all(json.loads(line)["message"] for line in lines)


def test_it_answers_where_it_says_and_tells_its_facts_to_its_owner_alone(running: Running) -> None:
    access = running.access
    assert access["url"] == f"http://127.0.0.1:{running.port}"
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
    # Web, live, PostgreSQL, the simulator and its control interface; one may just be restarting.
    until(lambda: len(listening(running)) == 5)
    found = listening(running)
    ours = (running.port, running.access["live_port"])
    assert {f"127.0.0.1:{port}" for port in ours} <= found
    assert all(address.startswith("127.0.0.1:") for address in found)


@pytest.mark.parametrize("name,words", [("redis", "redis.sock"), ("worker", "-A config worker")])
def test_it_restarts_a_child_that_dies_and_says_so(running: Running, name: str, words: str) -> None:
    victim = running.until_killed(name, words)
    assert until(lambda: running.child(words) not in (None, victim))


def test_its_database_survives_being_killed(running: Running) -> None:
    running.until_killed("postgres", "bin/postgres")

    def answers() -> bool:
        try:
            with psycopg.connect(running.access["database_url"], connect_timeout=2) as connection:
                return connection.execute("SELECT 1").fetchone() == (1,)
        except psycopg.OperationalError:
            return False

    assert until(answers)


def socket_of_redis(running: Running) -> Path:
    return Path(unquote(urlsplit(running.access["redis_url"]).path))


def test_its_redis_wants_a_password(running: Running) -> None:
    def refuses() -> bool:
        try:
            with redis.Redis(unix_socket_path=str(socket_of_redis(running)), retry=None) as client:
                client.ping()
        except redis.AuthenticationError:
            return True
        except redis.ConnectionError:
            return False  # just being restarted
        return False

    assert until(refuses)


def test_its_redis_is_open_to_its_own_account_alone(running: Running) -> None:
    assert until(running.is_well)
    assert stat.S_IMODE(socket_of_redis(running).stat().st_mode) == 0o600
    pid = until(lambda: running.child("redis.sock"))
    status = Path(f"/proc/{pid}/status").read_text()
    uid = int(next(line for line in status.splitlines() if line.startswith("Uid")).split()[1])
    assert uid != 0


@pytest.mark.parametrize(
    "words",
    [
        ("CONFIG", "SET", "dir", "/tmp"),
        ("CONFIG", "SET", "dbfilename", "authorized_keys"),
        ("MODULE", "LOAD", "/tmp/evil.so"),
        ("DEBUG", "SLEEP", "0"),
    ],
)
def test_its_redis_writes_no_file_and_loads_no_code(running: Running, words: list[str]) -> None:
    assert until(running.is_well)
    with (
        redis.Redis.from_url(running.access["redis_url"], retry=None) as client,
        pytest.raises(redis.ResponseError, match="not allowed|protected config"),
    ):
        client.execute_command(*words)


def test_its_redis_is_of_this_decade(running: Running) -> None:
    """Redis 6.2, which an abandoned wheel brought, ended in 2024."""
    assert until(running.is_well)
    with redis.Redis.from_url(running.access["redis_url"], retry=None) as client:
        said = client.info("server")
    assert int(said.get("valkey_version", said["redis_version"]).split(".")[0]) >= 7


def test_its_role_is_no_superuser(running: Running) -> None:
    assert until(running.is_well)
    with psycopg.connect(running.access["database_url"]) as connection:
        row = connection.execute(
            "SELECT rolsuper, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = current_user"
        )
        assert row.fetchone() == (False, False, False)


def test_the_same_command_again_says_that_it_already_runs(running: Running) -> None:
    second = Running(running.state, port=running.port)
    assert "an instance already runs in" in second.refusal()
    assert until(running.is_well)  # of its web processes one may still find a killed child gone


def manage(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "instance", "manage", *words],
        env={**plain_environment(), **environment},
        capture_output=True,
        text=True,
    )


def test_manage_speaks_to_the_instance_that_is_named(running: Running) -> None:
    state = os.path.relpath(running.state)
    done = manage("workspace_add", "--name", "Toko Baru", "--json", ROLLCALL_STATE=state)
    assert done.returncode == 0, done.stderr
    with psycopg.connect(running.access["database_url"]) as connection:
        found = connection.execute("SELECT 1 FROM accounts_workspace WHERE name = 'Toko Baru'")
        assert found.fetchone() == (1,)


def test_manage_wants_keys_for_a_database_that_is_named(running: Running) -> None:
    done = manage("check", DATABASE_URL=running.access["database_url"])
    assert done.returncode == 1
    assert done.stderr.startswith("rollcall: SECRET_KEY is not set")


def test_manage_finds_the_instance_of_its_own_checkout(running: Running, tmp_path: Path) -> None:
    checkout = a_checkout(tmp_path)
    (checkout / ".rollcall").symlink_to(running.state)
    for named in ({}, {"DATABASE_URL": running.access["database_url"]}):
        done = subprocess.run(
            [checkout / "run", "manage", "check", "--database", "default"],
            env={"PATH": os.environ["PATH"], **named},
            capture_output=True,
            text=True,
            cwd=tmp_path,
        )
        assert (done.returncode, done.stderr) == (0, "")


def test_manage_says_where_it_found_no_instance(tmp_path: Path) -> None:
    done = manage("check", ROLLCALL_STATE=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr == (
        f"rollcall: no instance is running in {tmp_path}: start it with ./run up\n"
    )


@as_root_only
def test_every_process_runs_as_its_own_account_or_it_is_said_why_not(
    running: Running,
) -> None:
    """Web, worker, beat, simulator, PostgreSQL and Redis, and what they started."""
    assert until(running.is_well)
    until(lambda: running.child("-m simulator"))
    seen = {pid: users_of(pid) for pid in running.descendants()}
    as_root = [users for users in seen.values() if 0 in users]
    assert len(seen) >= 6

    if why := account.why_not_programs(account.of_servers() or ""):
        assert any(f"run as root: {why}" in line for line in running.lines)
    else:
        assert as_root == []
        assert {uid for users in seen.values() for uid in users} == {
            pwd.getpwnam(account.NAME).pw_uid
        }


def users_of(pid: int) -> tuple[int, ...]:
    try:
        return tuple(psutil.Process(pid).uids())
    except psutil.NoSuchProcess:
        return ()


@as_root_only
def test_where_it_cannot_read_our_programs_the_reason_names_the_folder(
    tmp_path, monkeypatch
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    account.make()
    monkeypatch.setattr(account, "ROOT", closed / "rollcall")
    assert account.why_not_programs(account.NAME) in {
        f"{account.NAME} cannot enter {folder}" for folder in (closed, *closed.parents)
    }


@as_root_only
def test_another_service_s_account_runs_none_of_our_programs() -> None:
    assert account.why_not_programs("nobody") == f"there is no account {account.NAME}"
