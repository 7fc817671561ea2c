"""A deployment as docs/deploying.md has it, in directories, a database and a port of the test."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from django.conf import settings

from instance.ports import free_port
from instance.processes.children import die_with_parent
from tests.deploy.written import DEPLOY, environment, unit
from tests.instance.running import ROOT, until

DATABASE = "deployed"
LIMIT_SECONDS = 120  # on a busy machine; nothing here is about speed
REDIS_NUMBER = 5  # of Redis's sixteen; the suite's own tests use 0
SHIM = '#!/bin/sh\n# The test has no account "rollcall".\nshift 2\nexec "$@"\n'


class Deployment:
    """Commands are run as written, but for the paths, the port and the secrets."""

    def __init__(self, directory: Path, database_url: str, redis_url: str) -> None:
        self.directory = directory
        self.port, self.live_port = free_port(), free_port()
        self.database_url, self.redis_url = database_url, redis_url
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        for name in ("etc", "lib", "bin"):
            (directory / name).mkdir()
        sudo = directory / "bin" / "sudo"
        sudo.write_text(SHIM)
        sudo.chmod(0o755)
        self._write_environment()
        self.notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notices.bind(str(directory / "notify"))
        self.notices.settimeout(LIMIT_SECONDS)

    def here(self, text: str) -> str:
        """The same with the places of this test."""
        for there, here in {
            "/opt/rollcall": str(ROOT),
            "/etc/rollcall": str(self.directory / "etc"),
            "/var/lib/rollcall": str(self.directory / "lib"),
            "127.0.0.1:8000": f"127.0.0.1:{self.port}",
            "127.0.0.1:8001": f"127.0.0.1:{self.live_port}",
        }.items():
            text = text.replace(there, here)
        return text

    def run(self, script: str, **variables: str) -> str:
        """Return what a script of the page prints; any line that fails, fails."""
        done = self._ran(script, variables)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def until_it_passes(self, script: str) -> str:
        """The same for a script that checks what may still be starting."""
        done = until(
            lambda: passed if (passed := self._ran(script, {})).returncode == 0 else None,
            limit_seconds=LIMIT_SECONDS,
        )
        assert isinstance(done, subprocess.CompletedProcess)
        return str(done.stdout)

    def _ran(self, script: str, variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-euc", self.here(script)],
            env=self._environment(variables),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def manage(self, command: str) -> str:
        return self.run(f"{DEPLOY}/in-env python manage.py {command}")

    def start(self, name: str) -> None:
        """Start the unit as systemd does, with a socket for its notices."""
        service, parent = unit(name), os.getpid()
        with self.log(name).open("wb") as log:
            self.running[name] = subprocess.Popen(
                [str(DEPLOY / "in-env"), *shlex.split(self.here(service["ExecStart"]))],
                env=self._environment({"NOTIFY_SOCKET": str(self.directory / "notify")}),
                cwd=self.here(service["WorkingDirectory"]),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=lambda: die_with_parent(parent),
            )

    def until_ready(self) -> None:
        """Wait until a process of Type=notify has said so."""
        until(lambda: b"READY=1" in self.notices.recv(4096), limit_seconds=LIMIT_SECONDS)

    def stop(self, name: str) -> int:
        """Stop it as systemd does, by SIGTERM; return the exit code."""
        process = self.running.pop(name)
        process.send_signal(signal.SIGTERM)
        return process.wait(LIMIT_SECONDS)

    def log(self, name: str) -> Path:
        return self.directory / f"{name}.log"

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database_url) as connection:
            return connection.execute(statement).fetchall()  # type: ignore[call-overload, no-any-return]

    def close(self) -> None:
        for process in self.running.values():
            process.kill()
            process.wait()
        self.notices.close()

    def _write_environment(self) -> None:
        values = environment() | {
            "SECRET_KEY": "k" * 30 + "0123456789abcdefghijklmnopqrstuv",
            "FIELD_KEYS": "A" * 43 + "=",
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "STATIC_ROOT": self.here(environment()["STATIC_ROOT"]),
        }
        (self.directory / "etc" / "rollcall.env").write_text(
            "".join(f"{name}='{value}'\n" for name, value in values.items())
        )

    def _environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        return {
            "PATH": f"{self.directory / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.directory),
            "ROLLCALL_ENVIRONMENT": str(self.directory / "etc" / "rollcall.env"),
            **variables,
        }


@contextmanager
def a_deployment(directory: Path) -> Iterator[Deployment]:
    """Deploy on an empty database of its own, beside the suite's."""
    server = os.environ["DATABASE_URL"]
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {DATABASE}")
    deployment = Deployment(
        directory,
        urlunsplit(urlsplit(server)._replace(path=f"/{DATABASE}")),
        urlunsplit(urlsplit(settings.REDIS_URL)._replace(query=f"db={REDIS_NUMBER}")),
    )
    try:
        yield deployment
    finally:
        deployment.close()
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
