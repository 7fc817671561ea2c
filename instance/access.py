"""The facts that an instance publishes: access.json, and the lines that begin with READY."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from instance.options import Options
from instance.processes.simulated import GATEWAY_NAME
from instance.servers.start import Servers

ADMIN_NAME = "admin"


def facts(
    options: Options, servers: Servers, secrets: Mapping[str, str], simulator: Mapping[str, str]
) -> dict[str, Any]:
    """Return the content of access.json. Without a simulator it has no facts about a gateway."""
    gateway = {
        "name": GATEWAY_NAME,
        "api_key": secrets["gateway_api_key"],
        "hmac_secret": secrets["gateway_hmac_secret"],
    }
    return {
        "url": options.url,
        "live_port": options.live_port,
        "admin": {"username": ADMIN_NAME, "password": secrets["admin_password"]},
        "gateway": gateway if simulator else None,
        "database_url": servers.database_url,
        "redis_url": servers.redis_url,
        "simulator_url": simulator.get("SIMULATOR_URL"),
        "simulator_control_url": simulator.get("SIMULATOR_CONTROL_URL"),
        "simulator_control_key": simulator.get("SIMULATOR_CONTROL_KEY"),
    }


def announcement(options: Options, access: Mapping[str, Any]) -> list[str]:
    """Return the READY lines. Secrets are printed to a terminal only; elsewhere they would stay
    in a log."""
    path = _shown(options.state.access)

    def secret(value: str) -> str:
        return value if sys.stdout and sys.stdout.isatty() else f"see {path}"

    url, admin = access["url"], access["admin"]
    lines = [
        f"READY {url}",
        f"  admin      {url}/admin/  {admin['username']} / {secret(admin['password'])}",
    ]
    if gateway := access["gateway"]:
        lines += [
            f"  gateway    {gateway['name']} (simulated) {access['simulator_url']}"
            f"  API key {secret(gateway['api_key'])}",
            f"  its faults {access['simulator_control_url']}/_control/"
            f"  X-Control-Key {secret(access['simulator_control_key'])}",
        ]
    else:
        lines.append("  no gateway made here: ./run manage workspace_add, gateway_add, account_add")
    if options.is_open_to_others:
        lines.append(
            f"  open at    {options.address}, plain HTTP: put a proxy with TLS before it, and name"
            " it in ALLOWED_HOSTS"
        )
    return [*lines, f"  all of it  {path} · logs in {_shown(options.state.logs)}"]


def _shown(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
