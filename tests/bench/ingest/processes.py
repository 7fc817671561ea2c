"""Processes of the bench, and what they cost by the operating system's account (/proc)."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from django.conf import settings
from django.db import connection

from accounts.store.redis_client import client
from instance.processes.children import die_with_parent

STARTS_WITHIN_SECONDS = 60.0
_TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")


class Server:
    """One that listens on a port of its own. `environment` is added to ours."""

    def __init__(
        self,
        words: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        port: int | None = None,
    ) -> None:
        self.port = port or _free_port()
        self._log = log
        parent = os.getpid()
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, *(word.format(port=self.port) for word in words)],
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=lambda: die_with_parent(parent),
            )
        self._wait()

    @property
    def pid(self) -> int:
        return self._process.pid

    def end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _wait(self) -> None:
        ends = time.monotonic() + STARTS_WITHIN_SECONDS
        while self._process.poll() is None and time.monotonic() < ends:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        self.end()
        raise RuntimeError(f"a server did not start: {self._log.read_text()[-2000:]}")


def gunicorn(application: str, config: str) -> list[str]:
    return [
        *("-m", "gunicorn", application, "--config", f"python:{config}"),
        *("--bind", "127.0.0.1:{port}"),
    ]


def cpu_seconds(root: int) -> float:
    """User and system time of a process, of all below it, and of those that it has waited for."""
    children = _children()
    found, ticks = [root], 0
    while found:
        pid = found.pop()
        found += children.get(pid, [])
        ticks += sum(_stat(pid)[11:15])
    return ticks * _TICK_SECONDS


def postgres_pid() -> int:
    """The one that all of a server's processes are below."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [backend] = cursor.fetchone()
    return _stat(backend)[1]


def redis_pid() -> int:
    return int(client().info("server")["process_id"])


def database_environment() -> dict[str, str]:
    """Our database as libpq's tools read it."""
    database = settings.DATABASES["default"]
    return {
        "PGHOST": str(database["HOST"]),
        "PGPORT": str(database["PORT"]),
        "PGUSER": str(database["USER"]),
        "PGPASSWORD": str(database["PASSWORD"]),
        "PGDATABASE": str(database["NAME"]),
    }


def _children() -> dict[int, list[int]]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            pid = int(entry.name)
            children.setdefault(_stat(pid)[1], []).append(pid)
    return children


def _stat(pid: int) -> list[int]:
    """The fields behind its name, the state as 0; of one that is gone, nothing but zeros."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return [0] * 20
    return [0, *(int(number) for number in text.rpartition(")")[2].split()[1:20])]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
