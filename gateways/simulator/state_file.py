"""What of the simulated gateway is on disk: its logins, and which sessions it held."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from pathlib import Path

from gateways.simulator.sessions import Login
from gateways.simulator.world import World

_saving = threading.Lock()


def save(world: World, path: Path) -> None:
    """Whole or not at all, whenever the process dies."""
    with world.lock:
        content = {
            "logins": [
                {
                    "session_id": login.session_id,
                    "workspace_id": login.workspace_id,
                    "phone_number": login.phone_number,
                }
                for login in world.logins.values()
            ],
            "held": sorted(_held(world)),
        }
    with _saving:
        beside = path.with_name(path.name + ".new")
        beside.touch(mode=0o600)
        beside.write_text(json.dumps(content, indent=1))
        os.replace(beside, path)


def _held(world: World) -> set[tuple[str, int]]:
    """In memory, or about to be: a start may be cut short, too."""
    return {(one.session_id, one.workspace_id) for one in world.sessions.values()} | set(
        world.restoring
    )


def load(world: World, path: Path) -> list[tuple[str, int]]:
    """Puts the logins back, and returns what was held. Raises ValueError for a broken file."""
    with contextlib.suppress(FileNotFoundError):
        try:
            content = json.loads(path.read_text())
            logins = [Login(**login) for login in content["logins"]]
            held = [(str(session_id), int(workspace)) for session_id, workspace in content["held"]]
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is not a simulator's state: {error}") from None
        world.logins.update((login.session_id, login) for login in logins)
        return held
    return []
