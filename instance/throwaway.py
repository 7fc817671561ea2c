"""Servers for the tests: made for one run, never those of `up`, gone with it."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from instance import postgres
from instance.children import Child
from instance.environment import inherited
from instance.servers import start_servers
from instance.state import Trouble
from instance.supervisor import Interrupted, stop_on_signals

ROOT = Path(__file__).resolve().parent.parent


def run_tests(arguments: list[str]) -> int:
    """pytest against a PostgreSQL and a Redis of its own. The exit code."""
    directory = Path(tempfile.mkdtemp(prefix="rollcall-test-"))
    children: list[Child] = []
    stop_on_signals()
    try:
        servers = start_servers(
            directory,
            postgres_password=secrets.token_urlsafe(16),
            redis_password=secrets.token_urlsafe(16),
            ports={},
            logs=directory,
            careless=True,
            of_our_own=True,
            adopt=children.append,
        )
        return _pytest(arguments, servers.database_url, servers.redis_url)
    except Interrupted:
        return 130
    except Trouble as trouble:
        print(f"rollcall: {trouble}", file=sys.stderr)
        return 1
    finally:
        for child in reversed(children):
            child.stop(patience_seconds=3)
        postgres.remove(directory)
        shutil.rmtree(directory, ignore_errors=True)


def _pytest(arguments: list[str], database_url: str, redis_url: str) -> int:
    environment = {
        **inherited(),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "SECRET_KEY": "for the tests only",
        "ROLLCALL_TESTING": "1",
        "TZ": "UTC",
    }
    run = subprocess.Popen([sys.executable, "-m", "pytest", *arguments], env=environment, cwd=ROOT)
    try:
        return run.wait()
    except Interrupted:
        run.send_signal(signal.SIGINT)
        run.wait(10)
        raise
    finally:
        if run.poll() is None:
            os.kill(run.pid, signal.SIGKILL)
