"""Servers that the environment names: checked before anything is built on them."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import redis

from instance.state import Trouble

CONNECT_TIMEOUT_SECONDS = 5


def named(name: str) -> str:
    """Return the value of the variable or of the file that `NAME_FILE` names, else "". Raise
    Trouble."""
    path = os.environ.get(f"{name}_FILE", "")
    if not path:
        return os.environ.get(name, "")
    try:
        return Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Trouble(f"{name}_FILE={path} cannot be read: {error}") from None


def require_postgres(url: str) -> None:
    """Raise Trouble unless it answers. The message never contains the address, which has a
    password."""
    if not url.startswith(("postgres://", "postgresql://")):
        raise Trouble("DATABASE_URL must look like postgresql://user:password@host:port/name")
    try:
        _ = urlsplit(url).port  # the driver would print a part of the password as the port
        psycopg.connect(url, connect_timeout=CONNECT_TIMEOUT_SECONDS).close()
    except psycopg.OperationalError as error:
        raise Trouble(
            f"the PostgreSQL that DATABASE_URL names does not let us in ({_first_line(error)}): "
            "mend the address, or unset it to start one"
        ) from None
    except (ValueError, psycopg.Error):  # the original message would repeat a part of the address
        raise Trouble(
            "DATABASE_URL cannot be read: write special characters as %XX, and the port as a number"
        ) from None


def require_redis(url: str) -> None:
    """Raise Trouble unless it answers. The message never contains the address, which has a
    password."""
    try:
        with redis.Redis.from_url(
            url, socket_timeout=CONNECT_TIMEOUT_SECONDS, retry=None
        ) as client:
            client.ping()
    except redis.RedisError as error:
        raise Trouble(
            f"the Redis that REDIS_URL names does not let us in ({_first_line(error)}): "
            "mend the address, or unset it to start one"
        ) from None
    except ValueError:
        raise Trouble(
            "REDIS_URL must look like redis://:password@host:port/0 or unix://:password@/path?db=0"
        ) from None


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else "no answer"
