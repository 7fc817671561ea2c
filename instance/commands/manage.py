"""`./run manage …`: Django's commands, for the selected instance."""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

from instance.environment import instance_environment
from instance.servers import borrowed, bundled
from instance.state import InstanceState, Trouble, read_json

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str]) -> int:
    """Run the command in this process, as a second Python would cost its start. Return the exit
    code."""
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
    """Return the environment of the instance: from ROLLCALL_STATE, else DATABASE_URL, else
    .rollcall/."""
    named = os.environ.get("ROLLCALL_STATE")
    state = InstanceState(Path(named or ROOT / ".rollcall"))
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
    """Append the bundled psql to `path` for `dbshell`, for a machine without PostgreSQL."""
    ours = bundled.psql_folder()
    return f"{path}{os.pathsep}{ours}" if ours else path


def _serves(state: InstanceState, database_url: str) -> bool:
    """Return whether `./run up` was started with this DATABASE_URL: then its keys fit."""
    return state.access.exists() and read_json(state.access)["database_url"] == database_url
