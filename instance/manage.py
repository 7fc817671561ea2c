"""`./run manage …`: Django's commands, spoken to the instance that is meant."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from instance import ports
from instance.environment import instance_environment
from instance.state import State, Trouble, read_json

ROOT = Path(__file__).resolve().parent.parent


def manage(arguments: list[str]) -> int:
    """Does not return when it succeeds in finding the instance."""
    try:
        environment = _environment()
    except Trouble as trouble:
        print(f"rollcall: {trouble}", file=sys.stderr)
        return 1
    program = str(ROOT / "manage.py")
    os.execve(sys.executable, [sys.executable, program, *arguments], environment)


def _environment() -> dict[str, str]:
    """ROLLCALL_STATE names the instance; else DATABASE_URL; else what runs in .rollcall/."""
    named = os.environ.get("ROLLCALL_STATE")
    if named is None and os.environ.get("DATABASE_URL"):
        return dict(os.environ)
    state = State(Path(named or ROOT / ".rollcall"))
    if not state.access.exists():
        raise Trouble(f"no instance runs in {state.directory}: start it with ./run up")
    port = read_json(state.directory / "ports.json").get("postgres")
    if port is not None and not ports.answers(port):
        raise Trouble(f"the instance in {state.directory} does not run: start it with ./run up")
    return instance_environment(state)
