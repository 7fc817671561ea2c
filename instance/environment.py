"""The environment of an instance's processes: what config/settings.py reads."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from instance.servers import borrowed
from instance.state import InstanceState, read_json

# Variables that would contradict the facts of the state directory.
NOT_INHERITED = (
    "DEBUG", "ROLLCALL_TESTING", "ROLLCALL_STATE",
    "SECRET_KEY_FILE", "DATABASE_URL_FILE", "REDIS_URL_FILE", "FIELD_KEYS_FILE",
)  # fmt: skip
# Root can read files that the account of our processes cannot.
READ_FOR_THEM = ("EMAIL_HOST_PASSWORD", "METRICS_TOKEN")


def instance_environment(state: InstanceState) -> dict[str, str]:
    """Return the environment of the instance in `state`. Raise Trouble if it has no facts."""
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
        "LIVE_PORT": os.environ.get("LIVE_PORT", str(access["live_port"])),
        "PYTHONUNBUFFERED": "1",
        "TZ": "UTC",
    }


def _read_from_files() -> dict[str, str]:
    """Return the secrets that the environment names as files. Raise Trouble."""
    read: dict[str, str] = {}
    for name in READ_FOR_THEM:
        if os.environ.get(f"{name}_FILE"):
            read |= {name: borrowed.named(name), f"{name}_FILE": ""}
    return read


def inherited() -> dict[str, str]:
    """Return the variables of our own environment that may be passed on."""
    return {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
