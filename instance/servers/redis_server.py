"""A Redis of our own, on a Unix socket that only its account may open.

It holds the doorbell, QR codes and heartbeats: nothing that must survive, so it writes nothing
to disk.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import redis

from instance.processes.children import Child, wait_until
from instance.servers import bundled
from instance.servers.cluster import Home
from instance.state import Trouble, write_private

START_LIMIT_SECONDS = 15.0
SOCKET = "redis.sock"
LONGEST_SOCKET_BYTES = 107  # Linux's maximum
_CONFIGURATION = """\
port 0
unixsocket "{socket}"
unixsocketperm 600
requirepass {password}
protected-mode yes
enable-protected-configs no
enable-debug-command no
enable-module-command no
save ""
appendonly no
daemonize no
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisServer:
    """A Redis server. `notes`: for the operator."""

    socket: Path
    password: str
    child: Child
    notes: list[str]

    @property
    def url(self) -> str:
        return f"unix://:{self.password}@{quote(str(self.socket))}?db=0"

    def is_ready(self) -> bool:
        """Return whether our own server answers: only it knows the password."""
        try:
            with redis.Redis.from_url(self.url, socket_timeout=1, retry=None) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


def prepare(home: Home, *, password: str, log: Path) -> RedisServer:
    """Return the server and its child. The password is in a private file, not on a command line.

    Raise Trouble.
    """
    program = bundled.redis()
    path = bundled.reachable(program, home.directory, home.user)
    socket = _socket(home)
    configuration = home.directory / "redis.conf"
    write_private(configuration, _CONFIGURATION.format(socket=socket, password=password))
    if home.user:
        _give(configuration, home.user)
    child = Child(
        name="redis",
        command=[str(path), str(configuration)],
        environment={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "TZ": "UTC"},
        log=log,
        directory=home.directory,
        user=home.user,
    )
    notes = [program.note] if program.note else []
    return RedisServer(socket=socket, password=password, child=child, notes=notes)


def start(server: RedisServer) -> None:
    server.child.start()
    wait_until(server.is_ready, server.child, limit_seconds=START_LIMIT_SECONDS)


def _socket(home: Home) -> Path:
    """Return the socket's path: in the home, or in a private directory of a shorter name if that
    path would be too long. Raise Trouble."""
    socket = home.directory / SOCKET
    if len(os.fsencode(socket)) <= LONGEST_SOCKET_BYTES and '"' not in str(socket):
        return socket
    digest = hashlib.sha256(os.fsencode(home.directory)).hexdigest()[:16]
    directory = Path(tempfile.gettempdir(), f"rollcall-{digest}")
    directory.mkdir(mode=0o700, exist_ok=True)
    if home.user and directory.lstat().st_uid == os.geteuid():
        _give(directory, home.user)
    _require_private(directory, home.user)
    return directory / SOCKET


def _require_private(directory: Path, user: str | None) -> None:
    """Raise Trouble unless it is private: anybody can make a directory of this name there."""
    found, uid = directory.lstat(), pwd.getpwnam(user).pw_uid if user else os.geteuid()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or found.st_mode & 0o077:
        raise Trouble(f"{directory} is not ours alone: remove it, or give a shorter --state")


def _give(path: Path, user: str) -> None:
    found = pwd.getpwnam(user)
    os.chown(path, found.pw_uid, found.pw_gid, follow_symlinks=False)
