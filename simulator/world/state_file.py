"""The simulated gateway's state on disk: its logins, and the sessions it held.

    {"logins": [{"session_id", "workspace_id", "phone_number", "lid"}],
     "held": [[session_id, workspace_id]]}

A file written by hand may hold {"seeds": […]} instead, each as for POST /_control/sessions: then
the gateway begins as if these had been running for long.
"""

from __future__ import annotations

import json
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulator.state.sessions import Login
from simulator.state.settings import Failure
from simulator.world.seeds import seed
from simulator.world.world import World

_saving = threading.Lock()


@dataclass(frozen=True, slots=True)
class SavedState:
    """The content of a file. `is_seeded`: everything is in place, nothing is to be restored."""

    held: list[tuple[str, int]] = field(default_factory=list)
    is_seeded: bool = False


def save(world: World, path: Path) -> None:
    """Save the state completely or not at all, whenever the process dies."""
    with world.lock:
        content = {
            "logins": [
                {
                    "session_id": login.session_id,
                    "workspace_id": login.workspace_id,
                    "phone_number": login.phone_number,
                    "lid": login.lid,
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
    """Return the sessions in memory or about to be: a start may be interrupted, too."""
    return {(one.session_id, one.workspace_id) for one in world.sessions.values()} | set(
        world.restoring
    )


def load(world: World, path: Path) -> SavedState:
    """Restore the logins. Raise ValueError for a broken file."""
    try:
        return _read(world, json.loads(path.read_text()))
    except FileNotFoundError:
        return SavedState()
    except (Failure, LookupError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is not a simulator's state: {error}") from None


def _read(world: World, content: Any) -> SavedState:
    if "seeds" in content:
        for values in content["seeds"]:
            seed(world, values)
        return SavedState(is_seeded=True)
    logins = [Login(**login) for login in content["logins"]]
    held = [(str(session_id), int(workspace_id)) for session_id, workspace_id in content["held"]]
    world.logins.update((login.session_id, login) for login in logins)
    return SavedState(held)
