"""The roles of our own PostgreSQL: a superuser for maintenance, and Rollcall's, which is not
one.

A superuser can read files and start programs on its machine. An attacker who takes over
Rollcall's connection must not.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

DATABASE = "postgres"
SUPERUSER = "postgres"
ROLLCALL = "rollcall"
# Renames the superuser of a cluster that was made when Rollcall's role was the superuser.
_HELPER = "rollcall_renaming"
CONNECT_TIMEOUT_SECONDS = 2

_NOT_YET_ROLLCALLS = """
SELECT format('ALTER TABLE %%I.%%I OWNER TO rollcall', n.nspname, c.relname)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = 'public' AND c.relowner = %(owner)s::regrole
   AND c.relkind IN ('r', 'p', 'v', 'm')
 UNION ALL
SELECT format('ALTER SEQUENCE %%I.%%I OWNER TO rollcall', n.nspname, c.relname)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = 'public' AND c.relowner = %(owner)s::regrole AND c.relkind = 'S'
   AND NOT EXISTS (SELECT 1 FROM pg_depend d
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                      AND d.deptype IN ('a', 'i'))
 UNION ALL
SELECT format('ALTER ROUTINE %%s OWNER TO rollcall', p.oid::regprocedure)
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE n.nspname = 'public' AND p.proowner = %(owner)s::regrole
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passwords:
    superuser: str = field(repr=False)
    rollcall: str = field(repr=False)


@contextmanager
def as_superuser(address: str, passwords: Passwords) -> Iterator[psycopg.Connection[Any]]:
    """Connect as SUPERUSER, or as Rollcall's role in a cluster of an earlier version.

    Raise psycopg.OperationalError.
    """
    try:
        opened = _connect(address, SUPERUSER, passwords.superuser)
    except psycopg.OperationalError:
        opened = _connect(address, ROLLCALL, passwords.rollcall)
    with opened as connection:
        if connection.info.parameter_status("is_superuser") != "on":
            # The server was still starting at the first attempt.
            raise psycopg.OperationalError("the superuser is not let in yet")
        yield connection


def arrange(address: str, passwords: Passwords, *, may_make_databases: bool) -> None:
    """Give Rollcall's role the rights it needs and no others. Each step can be repeated after an
    interruption."""
    with as_superuser(address, passwords) as connection:
        was_superuser = connection.info.user == ROLLCALL
        if was_superuser:
            _make(connection, _HELPER, "SUPERUSER", passwords.superuser)
    if was_superuser:
        _rename_superuser(address, passwords)
    with _connect(address, SUPERUSER, passwords.superuser) as connection:
        rights = "CREATEDB" if may_make_databases else "NOCREATEDB"
        _make(connection, ROLLCALL, f"NOSUPERUSER NOCREATEROLE {rights}", passwords.rollcall)
        if may_make_databases:  # the servers of tests and benches, which begin from a clean disk
            connection.execute(f"GRANT pg_checkpoint TO {ROLLCALL}")
        connection.execute(f"DROP ROLE IF EXISTS {_HELPER}")
        with connection.transaction():
            connection.execute(f"ALTER DATABASE {DATABASE} OWNER TO {ROLLCALL}")
            for (statement,) in connection.execute(_NOT_YET_ROLLCALLS, {"owner": SUPERUSER}):
                connection.execute(statement)


def _rename_superuser(address: str, passwords: Passwords) -> None:
    """Rename the superuser, through another one: a role cannot rename itself.

    PostgreSQL needs the role that made the cluster as a superuser, so another role must get its
    name.
    """
    with (
        _connect(address, _HELPER, passwords.superuser) as connection,
        connection.transaction(),
    ):
        connection.execute(f"ALTER ROLE {ROLLCALL} RENAME TO {SUPERUSER}")
        _make(connection, SUPERUSER, "SUPERUSER", passwords.superuser)


def _make(connection: psycopg.Connection[Any], role: str, rights: str, password: str) -> None:
    found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
    connection.execute(
        sql.SQL("{verb} ROLE {role} LOGIN {rights} PASSWORD {password}").format(
            verb=sql.SQL("ALTER" if found else "CREATE"),
            role=sql.Identifier(role),
            rights=sql.SQL(rights),
            password=sql.Literal(password),
        )
    )


def _connect(address: str, role: str, password: str) -> psycopg.Connection[Any]:
    return psycopg.connect(
        f"postgresql://{role}:{password}@{address}",
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        autocommit=True,
    )
