"""A Redis of our own, on a Unix socket that its account alone may open: the doorbell, QR codes and
signs of life; nothing that must survive it, so it writes nothing to disk."""

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
LONGEST_SOCKET_BYTES = 107  # Linux allows no longer path
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
    """`notes`: what a person should know of it."""

    socket: Path
    password: str
    child: Child
    notes: list[str]

    @property
    def url(self) -> str:
        return f"unix://:{self.password}@{quote(str(self.socket))}?db=0"

    def is_ready(self) -> bool:
        """Ours answers: only it knows the password."""
        try:
            with redis.Redis.from_url(self.url, socket_timeout=1, retry=None) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


def prepare(home: Home, *, password: str, log: Path) -> RedisServer:
    """The server's child; its password stands in a private file, not on a command line. Raises
    Trouble."""
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
    """In the home; in a private directory of a shorter name where that path would be too long.
    Raises Trouble."""
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
    """Everybody may make a directory there, also one of this name. Raises Trouble."""
    found, uid = directory.lstat(), pwd.getpwnam(user).pw_uid if user else os.geteuid()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or found.st_mode & 0o077:
        raise Trouble(f"{directory} is not ours alone: remove it, or give a shorter --state")


def _give(path: Path, user: str) -> None:
    found = pwd.getpwnam(user)
    os.chown(path, found.pw_uid, found.pw_gid, follow_symlinks=False)
