"""Reading settings from the environment, and from files that secrets are mounted in."""

from __future__ import annotations

import os
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.exceptions import ImproperlyConfigured


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, default).strip()


def flag(name: str, default: bool = False) -> bool:
    """Return True for 1, true, yes, on; False for 0, false, no, off, and empty."""
    value = text(name).lower()
    if value in ("", "0", "false", "no", "off"):
        return default if value == "" else False
    if value in ("1", "true", "yes", "on"):
        return True
    raise ImproperlyConfigured(f"{name}={value!r} is neither true nor false: use 1 or 0")


def number(name: str, default: int, *, least: int = 1) -> int:
    value = text(name)
    if not value:
        return default
    try:
        found = int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name}={value!r} is not a whole number") from None
    if found < least:
        raise ImproperlyConfigured(f"{name}={value!r} must be {least} or more")
    return found


def threads() -> int:
    """Return the threads of a web process and of a worker: all shares are derived from this
    number."""
    return number("THREADS", 32, least=16)


def choice(name: str, default: str, *, among: tuple[str, ...]) -> str:
    value = text(name).upper() or default
    if value not in among:
        raise ImproperlyConfigured(f"{name}={value!r} is none of {', '.join(among)}")
    return value


def time_zone(name: str, default: str) -> str:
    value = text(name, default)
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ImproperlyConfigured(
            f"{name}={value!r} is no time zone, such as Asia/Jakarta"
        ) from None
    return value


def action_url(name: str, default: str) -> str:
    """Return a path of this site, or a whole https:// or http:// address. Raises for anything that
    a browser reads as another host."""
    value = text(name, default)
    parts = urlsplit(value)
    is_path = value.startswith("/") and not value.startswith(("//", "/\\")) and not parts.netloc
    is_address = parts.scheme in ("https", "http") and bool(parts.hostname) and not parts.username
    if not value.isascii() or not value.isprintable() or not (is_path or is_address):
        raise ImproperlyConfigured(
            f"{name}={value!r} is neither a path such as /settings/whatsapp-accounts nor a whole "
            "https:// address"
        )
    return value


def words(name: str, default: str = "") -> list[str]:
    """Return a comma-separated list, without empty entries."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def addresses(name: str, default: str = "") -> list[str]:
    """A comma-separated list of IP addresses, or of networks such as 10.0.0.0/8."""
    found = words(name, default)
    for word in found:
        try:
            ip_network(word, strict=False)
        except ValueError:
            raise ImproperlyConfigured(
                f"{name}: {word!r} is no IP address, nor a network such as 10.0.0.0/8"
            ) from None
    return found


def places(name: str) -> list[tuple[str, int]]:
    """A comma-separated list of host:port."""
    found = []
    for word in words(name):
        host, _, port = word.rpartition(":")
        if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
            raise ImproperlyConfigured(f"{name}: {word!r} is no host:port")
        found.append((host.strip("[]"), int(port)))
    return found


def secret(name: str) -> str:
    """Return the secret in `NAME`, or in the file that `NAME_FILE` names. Empty when neither is
    set."""
    path = text(f"{name}_FILE")
    if not path:
        return text(name)
    try:
        return Path(path).read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}_FILE={path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ImproperlyConfigured(f"{name}_FILE={path} is not text") from None


REDIS_LOOKS_LIKE = (
    "REDIS_URL must look like redis://:password@host:port/0, or for a Unix socket "
    "unix://:password@/path/to/redis.sock?db=0"
)


def broker(redis_url: str) -> str:
    """Return the Redis address as Celery spells it: it has its own scheme for Unix sockets."""
    if redis_url.startswith(("redis://", "rediss://")):
        return redis_url
    parts = urlsplit(redis_url)
    if parts.scheme != "unix" or len(parts.path) < 2 or parts.hostname:
        raise ImproperlyConfigured(REDIS_LOOKS_LIKE)
    options = dict(parse_qsl(parts.query))
    name = options.get("username") or unquote(parts.username or "")
    password = options.get("password") or unquote(parts.password or "")
    who = f"{quote(name, safe='')}:{quote(password, safe='')}@" if password else ""
    return f"redis+socket://{who}{parts.path}?virtual_host={options.get('db', '0')}"


def database(url: str) -> dict[str, object]:
    """Return Django's settings for a `postgresql://user:password@host:port/name?option=value`
    address.

    `host=` may also be given as an option, for a Unix socket directory.
    """
    try:
        parts = urlsplit(url)
        port = str(parts.port or "")
    except ValueError:  # the original message would repeat a part of the address
        raise ImproperlyConfigured(
            "DATABASE_URL cannot be read: write special characters as %XX, the port as a number"
        ) from None
    if parts.scheme not in ("postgres", "postgresql") or not parts.path.lstrip("/"):
        raise ImproperlyConfigured(
            "DATABASE_URL must look like postgresql://user:password@host:port/name"
        )
    options = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", unquote(parts.hostname or "")),
        "PORT": port,
        "OPTIONS": options,
    }
