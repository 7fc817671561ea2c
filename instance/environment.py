"""The environment of an instance's processes: what config/settings.py reads."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from instance.servers import borrowed
from instance.state import State, read_json

# What would contradict the facts of the state directory.
NOT_INHERITED = (
    "DEBUG", "ROLLCALL_TESTING", "ROLLCALL_STATE",
    "SECRET_KEY_FILE", "DATABASE_URL_FILE", "REDIS_URL_FILE", "FIELD_KEYS_FILE",
)  # fmt: skip
# As root we may read what the account of our processes may not.
READ_FOR_THEM = ("EMAIL_HOST_PASSWORD", "METRICS_TOKEN")


def instance_environment(state: State) -> dict[str, str]:
    """Of the instance whose facts stand in `state`. Raises Trouble when there are none."""
    access, secrets = read_json(state.access), state.secrets()
    url = str(access["url"])
    host = urlsplit(url).hostname or "127.0.0.1"
    return {
        **inherited(),
        **_read_from_files(),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": access["database_url"],
        "REDIS_URL": access["redis_url"],
        "SECRET_KEY": secrets["secret_key"],
        "FIELD_KEYS": secrets["field_keys"],
        "PUBLIC_URL": os.environ.get("PUBLIC_URL", url),
        "ALLOWED_HOSTS": os.environ.get("ALLOWED_HOSTS", f"127.0.0.1,localhost,[::1],{host}"),
        "ROLLCALL_INSECURE_HTTP": "1",
        "PYTHONUNBUFFERED": "1",
        "TZ": "UTC",
    }


def _read_from_files() -> dict[str, str]:
    """Raises Trouble."""
    read: dict[str, str] = {}
    for name in READ_FOR_THEM:
        if os.environ.get(f"{name}_FILE"):
            read |= {name: borrowed.named(name), f"{name}_FILE": ""}
    return read


def inherited() -> dict[str, str]:
    """What may pass from our own environment."""
    return {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
