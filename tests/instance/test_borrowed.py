"""Servers that the environment names are used, and not stopped; the last word on a child that
cannot live."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from django.conf import settings

from tests.instance.running import Running, command_of, is_alive, listening, until

ELSEWHERE = "127.0.0.2"  # to `up` an address like any other: only 127.0.0.1 is its own
NAME = "borrowed_by_an_instance"


@pytest.fixture
def database_url() -> Iterator[str]:
    """Create one more database in the servers of this test run."""
    whole = os.environ["DATABASE_URL"]
    with psycopg.connect(whole, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {NAME}")
        yield urlsplit(whole)._replace(path=f"/{NAME}").geturl()
        connection.execute(f"DROP DATABASE {NAME} WITH (FORCE)")


def beat_of(running: Running) -> int | None:
    return next((pid for pid in running.descendants() if " beat " in command_of(pid)), None)


def kill_its_beat(running: Running) -> None:
    beat = until(lambda: beat_of(running))
    os.kill(beat, signal.SIGKILL)
    until(lambda: not is_alive(beat))


def test_it_uses_the_named_servers_and_gives_up_on_what_dies_five_times(
    tmp_path: Path, database_url: str, throwaway_redis
) -> None:
    state, redis_url = tmp_path / "state", settings.REDIS_URL
    with Running(
        state, "--no-simulator", f"--bind={ELSEWHERE}",
        DATABASE_URL=database_url, REDIS_URL=redis_url,
    ) as running:  # fmt: skip
        running.until_said(f"READY http://{ELSEWHERE}:{running.port}")
        assert "plain HTTP: put a proxy with TLS before it" in running.until_said("open at")
        running.until_said("all of it")
        access, family = running.access, running.descendants()
        assert (access["database_url"], access["redis_url"]) == (database_url, redis_url)
        assert not (state / "postgres").exists()
        ours = (running.port, access["live_port"])
        assert listening(running) == {f"{ELSEWHERE}:{port}" for port in ours}
        with psycopg.connect(database_url) as connection:
            found = connection.execute("SELECT count(*) FROM auth_user").fetchone()
        assert found == (1,)

        for _ in range(5):
            kill_its_beat(running)
        assert running.process.wait(15) == 1
    assert "beat died 5 times in a minute (killed by SIGKILL)" in running.lines[-1]
    assert running.lines[-1].endswith(f"see {state}/logs/beat.log")
    assert not [pid for pid in family if is_alive(pid)]
    assert throwaway_redis.ping()
