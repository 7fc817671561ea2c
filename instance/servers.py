"""PostgreSQL and Redis of an instance: our own, unless the environment names others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from instance import borrowed, postgres, redis_server
from instance.children import Child


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """Their addresses, and the ports of our own."""

    database_url: str
    redis_url: str
    ports: dict[str, int]
    notes: list[str]


def start_servers(
    directory: Path,
    *,
    postgres_password: str,
    redis_password: str,
    ports: dict[str, int],
    logs: Path,
    adopt: Callable[[Child], None],
    taken: frozenset[int] = frozenset(),
    careless: bool = False,
    of_our_own: bool = False,
) -> Servers:
    """Start what is needed, in order. `of_our_own`: whatever the environment says.

    `taken` are ports that they must leave alone. Each child is given to `adopt` before it starts,
    so that it is stopped whatever happens next. Raises Trouble.
    """
    chosen: dict[str, int] = {}
    notes: list[str] = []
    database_url = "" if of_our_own else borrowed.named("DATABASE_URL")
    redis_url = "" if of_our_own else borrowed.named("REDIS_URL")
    if database_url:
        borrowed.require_postgres(database_url)
    else:
        database = postgres.prepare(
            directory,
            password=postgres_password,
            port=ports.get("postgres"),
            log=logs / "postgres.log",
            taken=taken,
            careless=careless,
        )
        adopt(database.child)
        postgres.start(database)
        database_url, chosen["postgres"] = database.url, database.port
    if redis_url:
        borrowed.require_redis(redis_url)
    else:
        cache = redis_server.prepare(
            directory,
            password=redis_password,
            port=ports.get("redis"),
            log=logs / "redis.log",
            taken=taken,
        )
        adopt(cache.child)
        redis_server.start(cache)
        redis_url, chosen["redis"] = cache.url, cache.port
        if cache.what != "Redis":
            notes.append(f"{cache.what} serves as Redis.")
    return Servers(database_url=database_url, redis_url=redis_url, ports=chosen, notes=notes)
