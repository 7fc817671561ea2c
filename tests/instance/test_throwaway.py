"""`./run test` brings its own servers, never those of an instance, and takes them away again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.instance.running import (
    children_of,
    command_of,
    descendants,
    is_alive,
    plain_environment,
    until,
)

ME = f"{__file__}::test_its_servers_are_made_for_this_run"
OTHERS = {
    "DATABASE_URL": "postgresql://rollcall:pw@127.0.0.1:1/production",
    "REDIS_URL": "redis://:pw@127.0.0.1:1/0",
    "SECRET_KEY_FILE": "/nowhere",
    "DEBUG": "1",
}


def test_its_servers_are_made_for_this_run(throwaway_redis, settings) -> None:
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        assert tables.fetchone() == (0,)  # Django makes a database beside it
    assert "/rollcall-test-" in throwaway_redis.info("server")["config_file"]
    assert settings.DEBUG is False


def test_its_role_starts_no_program_on_the_machine() -> None:
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("COPY (SELECT 1) TO PROGRAM 'true'")
        connection.rollback()
        row = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        assert row.fetchone() == (False,)


def test_it_looks_at_no_server_that_the_environment_names_and_leaves_nothing() -> None:
    run = subprocess.Popen(
        [sys.executable, "-P", "-m", "instance", "test", ME, "-q", "-p", "no:cacheprovider"],
        env={**plain_environment(), **OTHERS},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said, _ = run.communicate(timeout=90)
    assert run.returncode == 0, said
    assert "1 passed" in said


def test_it_leaves_neither_process_nor_file_after_kill_9() -> None:
    run = subprocess.Popen(
        [sys.executable, "-P", "-m", "instance", "test", "--version"],
        env=plain_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    made = until(lambda: made_for(run.pid))
    assert all(path.is_dir() for path in made)
    family = descendants(run.pid)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    until(lambda: not [pid for pid in family if is_alive(pid)])
    until(lambda: not [path for path in made if path.exists()])


def made_for(pid: int) -> list[Path] | None:
    """The directories of a test run that has begun to use them: what its remover will remove."""
    commands = [command_of(child) for child in children_of(pid)]
    remover = next((words for words in commands if "read -r" in words), None)
    return [Path(word) for word in remover.split()[-2:]] if remover and commands[1:] else None
