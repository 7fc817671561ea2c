"""One unmistakable value for each kind of secret, and where to look whether it got out."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

import redis
from celery.signals import task_prerun
from django.conf import settings
from django.db import connection

from config.logs import JsonFormatter


def a_canary(name: str) -> str:
    return f"canary{name.replace('_', '')}{secrets.token_hex(8)}"


@dataclass
class Canaries:
    """`by_name` what must not get out; `places` what was looked at, by its name."""

    by_name: dict[str, str] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    task_arguments: list[str] = field(default_factory=list)

    def new(self, name: str) -> str:
        return self.by_name.setdefault(name, a_canary(name))

    def look_at(self, place: str, text: str) -> None:
        self.places[f"{len(self.places)} {place}"] = text

    def watch_tasks(self) -> None:
        task_prerun.connect(self._note_task)

    def _note_task(self, task: object = None, args=(), kwargs=None, **more: object) -> None:
        self.task_arguments.append(f"{task} {args} {kwargs}")

    def found(self) -> list[str]:
        """Return each canary that was seen, and where.

        A QR code may be in Redis under its account, and on that account's page.
        """
        places = {name: set(_spellings(value)) for name, value in self.by_name.items()}
        return [
            f"{name} in {place}"
            for place, text in self.places.items()
            for name, spellings in places.items()
            if any(spelling in text for spelling in spellings)
            and not (name == "qr_code" and _may_hold_qr(place))
        ]


def _spellings(value: str) -> Iterator[str]:
    yield value
    yield quote(value, safe="")
    yield value.encode().hex()


def _may_hold_qr(place: str) -> bool:
    return "redis rollcall:qr:" in place or "page of the account that waits" in place


def of_this_instance() -> Mapping[str, str]:
    """Return the secrets that the servers and this process itself are given."""
    passwords = {
        "database_password": urlsplit(os.environ["DATABASE_URL"]).password or "",
        "redis_password": urlsplit(os.environ["REDIS_URL"]).password or "",
    }
    keys = {f"field_key_{n}": key for n, key in enumerate(settings.FIELD_KEYS)}
    given = passwords | keys | {"secret_key": settings.SECRET_KEY}
    return {name: value for name, value in given.items() if len(value) >= 8}


def rows() -> Iterator[tuple[str, str]]:
    """Return every row of every table, as text."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            yield table, "\n".join(row[0] for row in cursor.fetchall())


def kept_in_redis(client: redis.Redis) -> Iterator[tuple[str, str]]:
    """Return every key with its value."""
    readers = {
        b"string": client.get,
        b"hash": client.hgetall,
        b"list": lambda key: client.lrange(key, 0, -1),
        b"set": client.smembers,
        b"zset": lambda key: client.zrange(key, 0, -1, withscores=True),
        b"stream": lambda key: client.xrange(key),
    }
    for key in client.keys("*"):
        yield key.decode(), f"{key!r} {readers[client.type(key)](key)!r}"


def logged(records: list[logging.LogRecord]) -> str:
    """Return the log as written, without the SQL that only DEBUG shows, which no setting of ours
    logs."""
    kept = [record for record in records if not record.name.startswith("django.db.backends")]
    return "\n".join(JsonFormatter().format(record) for record in kept)
