"""The simulation's PostgreSQL: a real one, with a database of its own whose clock is ours."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.apps import apps
from django.core.management import call_command
from django.db import OperationalError, connection, connections

from tests.simulation.engine.hub import Clock, Killed, is_killed

COPY = "simulated"
# Migrated once, and copied: nobody else is connected to it, as others are to the tests' own.
TEMPLATE = "to_simulate"
_CLOCKS = ("clock_timestamp", "statement_timestamp", "transaction_timestamp", "now")
# Whoever names one of these unqualified, reads our clock: "sim" comes before pg_catalog.
_FUNCTION = """
CREATE FUNCTION sim.{name}() RETURNS timestamptz LANGUAGE sql STABLE
    AS $$ SELECT current_setting('sim.now')::timestamptz $$
"""
_DEFAULTS = """
SELECT format('ALTER TABLE %%I.%%I ALTER COLUMN %%I SET DEFAULT sim.statement_timestamp()',
              schema.nspname, owner.relname, col.attname)
  FROM pg_attrdef def
  JOIN pg_class owner ON owner.oid = def.adrelid
  JOIN pg_namespace schema ON schema.oid = owner.relnamespace
  JOIN pg_attribute col ON col.attrelid = def.adrelid AND col.attnum = def.adnum
 WHERE schema.nspname = 'public' AND pg_get_expr(def.adbin, def.adrelid) ~ %s
"""
# What ends a transaction must go through even where its process is gone: so it would be.
_ENDINGS = ("ROLLBACK", "RELEASE")


def _asks_for_the_time(sql: str) -> bool:
    """Return whether it asks for the time, by name or by a column's default."""
    return sql.startswith("INSERT") or "TIMESTAMP()" in sql or "timestamp()" in sql


class Watcher:
    """Sees every statement: sets the clock before it where it has moved, notes what was written,
    and lets nothing through of what was killed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._set: datetime | None = None
        self.statements = 0
        self.stumbles = 0.0  # of those that ask for a lock
        self.random = random.Random(0)
        self._watchers: defaultdict[str, set[str]] = defaultdict(set)
        self._news: set[str] = set()

    def watch(self, name: str, tables: Iterable[str]) -> None:
        for table in tables:
            self._watchers[table].add(name)
        self._news.add(name)

    def is_news(self, name: str) -> bool:
        """Return whether its tables were written since the last call."""
        is_news = name in self._news
        self._news.discard(name)
        return is_news

    def __call__(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        if is_killed() and not sql.startswith(_ENDINGS):
            raise Killed
        if self._set is not self._clock.now and _asks_for_the_time(sql):
            self._set = self._clock.now
            context["cursor"].cursor.execute(
                "SELECT set_config('sim.now', %s, false)", [self._set.isoformat()]
            )
        self.statements += 1
        if self.stumbles and "FOR NO KEY UPDATE" in sql and self.random.random() < self.stumbles:
            raise OperationalError("canceling statement due to lock timeout")
        if not sql.startswith("SELECT"):
            for table, names in self._watchers.items():
                if table in sql:
                    self._news |= names
        return execute(sql, params, many, context)


@contextmanager
def simulated_database(clock: Clock) -> Iterator[Watcher]:
    """Inside, the default connection is to the copy, stays open, and runs by `clock`."""
    original = connection.settings_dict["NAME"]
    _copy()
    connection.settings_dict["NAME"] = COPY
    watcher = Watcher(clock)
    try:
        _prepare(clock)
        # Between two calls of a gateway product code gives its connection back; here it is one.
        vars(connections["default"])["close"] = lambda: None
        with connection.execute_wrapper(watcher):
            yield watcher
    finally:
        vars(connections["default"]).pop("close", None)
        connection.close()
        connection.settings_dict["NAME"] = original
        _drop()


def tidy() -> None:
    """Vacuum as autovacuum would, which wakes only once in half an hour of simulated time.

    A planner that has never seen the tables full plans badly for every account.
    """
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")


def _copy() -> None:
    connection.close()
    with _maintenance() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [TEMPLATE])
        is_made = cursor.fetchone() is not None
    if not is_made:
        _make_template()
    with _maintenance() as cursor:
        cursor.execute(f'DROP DATABASE IF EXISTS "{COPY}" WITH (FORCE)')
        cursor.execute(f'CREATE DATABASE "{COPY}" TEMPLATE "{TEMPLATE}"')


def _make_template() -> None:
    with _maintenance() as cursor:
        cursor.execute(f'CREATE DATABASE "{TEMPLATE}"')
    connection.settings_dict["NAME"] = TEMPLATE
    call_command("migrate", verbosity=0, interactive=False)
    connection.close()


def _drop() -> None:
    with _maintenance() as cursor:
        cursor.execute(f'DROP DATABASE IF EXISTS "{COPY}" WITH (FORCE)')


@contextmanager
def _maintenance() -> Iterator[Any]:
    with connection._nodb_cursor() as cursor:
        yield cursor


def _prepare(clock: Clock) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA sim")
        for name in _CLOCKS:
            cursor.execute(_FUNCTION.format(name=name))
        cursor.execute("SET search_path = sim, pg_catalog, public")
        cursor.execute("SET synchronous_commit = off")
        cursor.execute("SET jit = off")  # it takes longer than what it would speed up
        # What the migrations themselves wrote.
        tables = [model._meta.db_table for model in apps.get_models()]
        quoted = ", ".join(f'"{table}"' for table in tables)
        cursor.execute(f"TRUNCATE {quoted} RESTART IDENTITY CASCADE")
        cursor.execute(_DEFAULTS, [rf"\m({'|'.join(_CLOCKS)})\(\)"])
        for (statement,) in cursor.fetchall():
            cursor.execute(statement)
        cursor.execute("SELECT set_config('sim.now', %s, false)", [clock.now.isoformat()])
