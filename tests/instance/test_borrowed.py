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
    """One more database in the servers of this test run."""
    whole = os.environ["DATABASE_URL"]
    with psycopg.connect(whole, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {NAME}")
        yield urlsplit(whole)._replace(path=f"/{NAME}").geturl()
        connection.execute(f"DROP DATABASE {NAME} WITH (FORCE)")


def test_it_uses_the_named_servers_and_gives_up_on_what_dies_five_times(
    tmp_path: Path, database_url: str, throwaway_redis
) -> None:
    running = Running(
        tmp_path / "state", "--no-simulator", f"--bind={ELSEWHERE}",
        DATABASE_URL=database_url, REDIS_URL=settings.REDIS_URL,
    )  # fmt: skip
    running.until_said(f"READY http://{ELSEWHERE}:{running.port}")
    assert "plain HTTP: put a proxy with TLS before it" in running.until_said("open at")
    running.until_said("all of it")
    assert (running.access["database_url"], running.access["redis_url"]) == (
        database_url,
        settings.REDIS_URL,
    )
    assert not (tmp_path / "state" / "postgres").exists()
    assert not [pid for pid in running.descendants() if "redis-server" in command_of(pid)]
    assert listening(running) == {f"{ELSEWHERE}:{running.port}"}
    with psycopg.connect(database_url) as connection:
        found = connection.execute("SELECT count(*) FROM auth_user").fetchone()
    assert found == (1,)

    family = running.descendants()
    for _ in range(5):
        beat = until(
            lambda: next((p for p in running.descendants() if " beat " in command_of(p)), None)
        )
        os.kill(beat, signal.SIGKILL)
        until(lambda beat=beat: not is_alive(beat))
    assert running.process.wait(15) == 1
    running.close()
    assert "beat died 5 times in a minute (killed by SIGKILL)" in running.lines[-1]
    assert running.lines[-1].endswith(f"see {tmp_path}/state/logs/beat.log")
    assert not [pid for pid in family if is_alive(pid)]
    assert throwaway_redis.ping()
