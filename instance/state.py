"""The state directory of an instance: its secrets, its logs, and the facts that it publishes."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import secrets
import time
from pathlib import Path
from typing import IO, Any

_WORDS = (
    "secret_key", "postgres_password", "postgres_superuser_password", "redis_password",
    "admin_password", "gateway_api_key", "gateway_hmac_secret", "simulator_control_key",
)  # fmt: skip
LOCK_PATIENCE_SECONDS = 0.5  # another process may just be testing the lock


class Trouble(Exception):
    """A problem for the operator to fix: one clear line."""


class InstanceState:
    """A directory of mode 0700. `secrets` are made once and reused at the next start."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        self.logs = self.directory / "logs"
        self.access = self.directory / "access.json"
        self._memory = self.directory / "memory.json"
        self._lock: IO[str] | None = None

    def take(self) -> None:
        """Make the directory, and lock other instances out while this process lives. Raise
        Trouble."""
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._require_ours()
            self.directory.chmod(0o700)
            self._lock = (self.directory / "lock").open("w")
            self.logs.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise Trouble(
                f"cannot use {self.directory} ({error.strerror}): give another --state"
            ) from None
        ends = time.monotonic() + LOCK_PATIENCE_SECONDS
        while not _locked(self._lock, fcntl.LOCK_EX):
            if time.monotonic() > ends:
                raise Trouble(
                    f"an instance already runs in {self.directory}: "
                    "stop it, or give another --state"
                )
            time.sleep(0.05)

    def _require_ours(self) -> None:
        """Refuse a home or a checkout, named by mistake: it would be closed to others and
        filled."""
        names = set(os.listdir(self.directory))
        if names and "lock" not in names:
            raise Trouble(
                f"{self.directory} holds other things than an instance: give another --state"
            )

    def is_running(self) -> bool:
        """Return whether an instance holds the directory. Raise OSError if access is denied."""
        try:
            with (self.directory / "lock").open() as lock:
                return not _locked(lock, fcntl.LOCK_SH)
        except FileNotFoundError:
            return False

    def secrets(self) -> dict[str, str]:
        path = self.directory / "secrets.json"
        if not path.exists():
            if (self.directory / "postgres").exists():
                raise Trouble(
                    f"{path} is gone, and the database beside it cannot be opened without it: "
                    "put it back, or give another --state"
                )
            write_json(path, _new_secrets())
        found = read_json(path)
        if missing := {name: _word() for name in _WORDS if name not in found}:
            found |= missing  # an earlier version had fewer secrets
            write_json(path, found)
        return found

    def remember(self, **facts: object) -> None:
        """Keep facts for the next start: ports, and the progress of the first start."""
        write_json(self._memory, {**self.remembered(), **facts})

    def remembered(self) -> dict[str, Any]:
        return read_json(self._memory) if self._memory.exists() else {}

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"


def _locked(file: IO[str], how: int) -> bool:
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _new_secrets() -> dict[str, str]:
    field_key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    return {"field_keys": field_key, **{name: _word() for name in _WORDS}}


def _word() -> str:
    """Return a random word that never begins with a dash: a program would read it as an option."""
    return secrets.token_hex(24)


def write_private(path: Path, content: str) -> None:
    """Write the file atomically, and never readable by others, not even for a moment."""
    scratch = path.with_name(f"{path.name}.new")
    scratch.unlink(missing_ok=True)
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
    scratch.replace(path)


def write_json(path: Path, content: object) -> None:
    write_private(path, json.dumps(content, indent=2) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Return the file's object. Raise Trouble."""
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise Trouble(f"cannot read {path}: {error}") from None
    return content
