"""What a person must mend is said in one line that says how, and nothing is left behind."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.instance.running import Running


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


def test_a_port_in_use(state: Path, taken_port: int) -> None:
    said = Running(state, port=taken_port).refusal()
    assert said == (
        f"rollcall: port {taken_port} is in use: give another one with --port, or end what uses it"
    )


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http", "８０００"])
def test_a_port_that_is_none(state: Path, port: str) -> None:
    assert f"{port!r} is not a port: 1 to 65535" in Running(state, f"--port={port}").refusal()


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.0.2.1"])
def test_opening_the_web_beside_the_simulator(state: Path, address: str) -> None:
    said = Running(state, "--bind", address).refusal()
    assert said.endswith("--bind opens the web to others: give --no-simulator as well")
    assert not state.exists()


def test_an_address_that_is_not_ours(state: Path) -> None:
    said = Running(state, "--bind", "192.0.2.1", "--no-simulator").refusal()
    assert "Cannot assign requested address): give another --bind" in said


def test_an_empty_address_which_would_open_all(state: Path) -> None:
    said = Running(state, "--bind=", "--no-simulator").refusal()
    assert "give an address, such as 127.0.0.1" in said


def test_a_state_directory_that_is_a_file(state: Path) -> None:
    state.write_text("")
    assert f"cannot use {state} (File exists): give another --state" in Running(state).refusal()


def test_a_state_directory_that_holds_other_things_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("Dear Alice")
    tmp_path.chmod(0o755)
    assert "holds other things than an instance" in Running(tmp_path).refusal()
    assert os.listdir(tmp_path) == ["letters.txt"]
    assert tmp_path.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize(
    "url,reason",
    [
        ("postgresql://rollcall:hunter2@127.0.0.1:1/main", "Connection refused): mend the address"),
        ("postgresql://rollcall:hunter2/x@127.0.0.1/main", "write special characters as %XX"),
        ("mysql://rollcall:hunter2@127.0.0.1/main", "must look like postgresql://"),
    ],
)
def test_a_database_that_cannot_be_had(state: Path, url: str, reason: str) -> None:
    said = Running(state, DATABASE_URL=url).refusal()
    assert "DATABASE_URL" in said and reason in said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    "url,reason",
    [
        ("redis://:hunter2@127.0.0.1:1/0", "Connection refused): mend the address"),
        ("hunter2@127.0.0.1", "must look like redis://"),
    ],
)
def test_a_redis_that_cannot_be_had(state: Path, url: str, reason: str) -> None:
    own = os.environ["DATABASE_URL"]  # of this test run: nothing is done to it before that
    said = Running(state, DATABASE_URL=own, REDIS_URL=url).refusal()
    assert "REDIS_URL" in said and reason in said
    assert "hunter2" not in said


def test_secrets_that_are_gone_from_beside_their_database(state: Path) -> None:
    (state / "postgres").mkdir(parents=True)
    (state / "lock").touch()
    said = Running(state).refusal()
    assert "secrets.json is gone" in said and "put it back, or give another --state" in said


def test_a_database_that_is_named_in_a_file(state: Path, tmp_path: Path) -> None:
    named = tmp_path / "url"
    named.write_text("postgresql://rollcall:hunter2@127.0.0.1:1/main\n")
    said = Running(state, DATABASE_URL_FILE=str(named)).refusal()
    assert "the PostgreSQL that DATABASE_URL names does not let us in" in said
    assert "hunter2" not in said


def test_a_file_that_is_not_there(state: Path) -> None:
    said = Running(state, REDIS_URL_FILE="/nowhere/url").refusal()
    assert "REDIS_URL_FILE=/nowhere/url cannot be read" in said
