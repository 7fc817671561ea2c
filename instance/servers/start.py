"""PostgreSQL and Redis of an instance: our own, unless the environment names others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from instance.processes.children import Child
from instance.servers import borrowed, postgres, redis_server
from instance.servers.cluster import Home
from instance.servers.roles import Passwords


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """The servers' addresses, and the ports of our own."""

    database_url: str
    redis_url: str
    ports: dict[str, int]
    notes: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Demands:
    """The requirements for the servers. `port` is PostgreSQL's if it is free; ports in `taken`
    are not used.

    `careless`: no waiting for the disk. `of_our_own`: for tests, whatever the environment says;
    those may make databases.
    """

    home: Home
    logs: Path
    postgres_passwords: Passwords
    redis_password: str
    port: int | None = None
    taken: frozenset[int] = frozenset()
    careless: bool = False
    of_our_own: bool = False


def start_servers(demands: Demands, *, adopt: Callable[[Child], None]) -> Servers:
    """Start the needed servers in order. Raise Trouble.

    Each child is passed to `adopt` before it starts, so that it is stopped in any case.
    """
    database_url = "" if demands.of_our_own else borrowed.named("DATABASE_URL")
    redis_url = "" if demands.of_our_own else borrowed.named("REDIS_URL")
    ports: dict[str, int] = {}
    notes = list(demands.home.notes)
    if database_url:
        borrowed.require_postgres(database_url)
    else:
        database = _start_postgres(demands, adopt)
        database_url, ports["postgres"] = database.url, database.port
        notes += database.notes
    if redis_url:
        borrowed.require_redis(redis_url)
    else:
        cache = _start_redis(demands, adopt)
        redis_url = cache.url
        notes += cache.notes
    return Servers(database_url=database_url, redis_url=redis_url, ports=ports, notes=notes)


def _start_postgres(demands: Demands, adopt: Callable[[Child], None]) -> postgres.Postgres:
    server = postgres.prepare(
        demands.home,
        passwords=demands.postgres_passwords,
        port=demands.port,
        log=demands.logs / "postgres.log",
        taken=demands.taken,
        careless=demands.careless,
    )
    adopt(server.child)
    postgres.start(server, may_make_databases=demands.of_our_own)
    return server


def _start_redis(demands: Demands, adopt: Callable[[Child], None]) -> redis_server.RedisServer:
    server = redis_server.prepare(
        demands.home, password=demands.redis_password, log=demands.logs / "redis.log"
    )
    adopt(server.child)
    redis_server.start(server)
    return server
