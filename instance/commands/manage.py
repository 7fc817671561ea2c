"""`./run manage …`: Django's commands, spoken to the instance that is meant."""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

from instance.environment import instance_environment
from instance.servers import borrowed, bundled
from instance.state import State, Trouble, read_json

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str]) -> int:
    """The exit code. Django is run in this very process: a second Python would cost its start."""
    try:
        environment = _environment()
    except Trouble as trouble:
        print(f"rollcall: {trouble}", file=sys.stderr)
        return 1
    os.environ.clear()
    os.environ.update(environment | {"PATH": _with_our_psql(environment.get("PATH", ""))})
    sys.argv = ["./run manage", *arguments]
    runpy.run_path(str(ROOT / "manage.py"), run_name="__main__")
    return 0


def _environment() -> dict[str, str]:
    """ROLLCALL_STATE names the instance; else DATABASE_URL; else it is the one in .rollcall/."""
    named = os.environ.get("ROLLCALL_STATE")
    state = State(Path(named or ROOT / ".rollcall"))
    elsewhere = borrowed.named("DATABASE_URL")
    if not named and elsewhere and not _serves(state, elsewhere):
        return dict(os.environ)
    try:
        running = state.access.exists() and state.is_running()
    except PermissionError:
        raise Trouble(f"{state.directory} belongs to another user: act as that one") from None
    if not running:
        raise Trouble(f"no instance is running in {named or '.rollcall'}: start it with ./run up")
    return instance_environment(state)


def _with_our_psql(path: str) -> str:
    """`dbshell` wants a psql; a machine without PostgreSQL has the one beside our server."""
    ours = bundled.psql_folder()
    return f"{path}{os.pathsep}{ours}" if ours else path


def _serves(state: State, database_url: str) -> bool:
    """Whether `./run up` was started with this very DATABASE_URL: then its keys fit."""
    return state.access.exists() and read_json(state.access)["database_url"] == database_url
