"""The state directory of an instance: its secrets, its logs, and what it tells of itself."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import secrets
from pathlib import Path
from typing import IO, Any


class Trouble(Exception):
    """Something a person must mend: one clear line."""


class State:
    """A directory of mode 0700. `secrets` are made once and found again at the next start."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        self.logs = self.directory / "logs"
        self._lock: IO[str] | None = None

    @property
    def is_fresh(self) -> bool:
        return not (self.directory / "secrets.json").exists()

    def prepare(self) -> None:
        """Make the directory. Raises Trouble."""
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.directory.chmod(0o700)
            self.logs.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise Trouble(f"cannot use {self.directory}: {error.strerror}") from None

    def lock(self) -> None:
        """One instance a directory, for as long as we live. Raises Trouble."""
        self._lock = (self.directory / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Trouble(
                f"an instance already runs in {self.directory}: stop it, or give another --state"
            ) from None

    def secrets(self) -> dict[str, str]:
        path = self.directory / "secrets.json"
        if not path.exists():
            write_private(path, _new_secrets())
        return read_json(path)

    def remember(self, **facts: object) -> None:
        write_private(self.directory / "ports.json", {**self.remembered(), **facts})

    def remembered(self) -> dict[str, Any]:
        path = self.directory / "ports.json"
        return read_json(path) if path.exists() else {}

    @property
    def access(self) -> Path:
        return self.directory / "access.json"

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"


def _new_secrets() -> dict[str, str]:
    field_key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    names = (
        "secret_key", "postgres_password", "redis_password", "admin_password",
        "gateway_api_key", "gateway_hmac_secret", "simulator_control_key",
    )  # fmt: skip
    return {"field_keys": field_key, **{name: secrets.token_urlsafe(24) for name in names}}


def write_private(path: Path, content: object) -> None:
    """Written whole or not at all, and never readable by others, not even for a moment."""
    scratch = path.with_suffix(".new")
    scratch.unlink(missing_ok=True)
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
    scratch.replace(path)


def read_json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise Trouble(f"cannot read {path}: {error}") from None
    return content
