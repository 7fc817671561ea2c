"""Servers for the tests: made for one run, separate from those of `up`, and deleted with it."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from instance.branch_coverage import measured
from instance.environment import inherited
from instance.processes.children import Child, die_with_parent
from instance.processes.supervisor import Interrupted, stop_on_signals
from instance.servers import cluster
from instance.servers.roles import Passwords
from instance.servers.start import Demands, Servers, start_servers
from instance.state import Trouble

ROOT = Path(__file__).resolve().parent.parent
PYTEST_PATIENCE_SECONDS = 10
# Waits for the end of its standard input, when we are gone, and PostgreSQL with us.
_REMOVE_WHEN_GONE = 'read -r _; sleep 1; rm -rf -- "$@"'


def main(arguments: list[str], *, module: str = "pytest", as_in_production: bool = False) -> int:
    """Run the module (pytest) against a PostgreSQL and a Redis of its own. Return the exit code.

    `as_in_production`: for benchmarks, so that PostgreSQL waits for its disk and connections are
    pooled.
    """
    stop_on_signals()
    try:
        with (
            _directories() as directory,
            _servers(directory, careless=not as_in_production) as servers,
        ):
            return _run(module, arguments, servers, is_testing=not as_in_production)
    except Interrupted:
        return 130
    except Trouble as trouble:
        print(f"rollcall: {trouble}", file=sys.stderr)
        return 1


@contextmanager
def _directories() -> Iterator[Path]:
    """Make one directory for us, one for PostgreSQL's account; both are removed even after kill
    -9."""
    directory = Path(tempfile.mkdtemp(prefix="rollcall-test-"))
    clusters = Path(tempfile.mkdtemp(prefix="rollcall-test-", dir="/var/tmp"))
    clusters.chmod(0o711)
    os.environ["ROLLCALL_DATA"] = str(clusters)  # also for the instances that tests start
    remover = subprocess.Popen(
        ["/bin/sh", "-c", _REMOVE_WHEN_GONE, "sh", str(directory), str(clusters)],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield directory
    finally:
        for path in (directory, clusters):
            shutil.rmtree(path, ignore_errors=True)
        remover.kill()
        remover.communicate()


@contextmanager
def _servers(directory: Path, *, careless: bool) -> Iterator[Servers]:
    children: list[Child] = []
    try:
        passwords = Passwords(superuser=secrets.token_hex(16), rollcall=secrets.token_hex(16))
        demands = Demands(
            home=cluster.open_home(directory),
            logs=directory,
            postgres_passwords=passwords,
            redis_password=secrets.token_hex(16),
            careless=careless,
            of_our_own=True,
        )
        yield start_servers(demands, adopt=children.append)
    finally:
        for child in reversed(children):
            child.stop(patience_seconds=3)
        cluster.remove(directory)


def _run(module: str, arguments: list[str], servers: Servers, *, is_testing: bool) -> int:
    environment = {
        **inherited(),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": servers.database_url,
        "REDIS_URL": servers.redis_url,
        "SECRET_KEY": "for the tests only",
        "ROLLCALL_TESTING": "1" if is_testing else "",
        "TZ": "UTC",
    }
    parent = os.getpid()
    run = subprocess.Popen(
        [sys.executable, *measured(["-m", module, *arguments])],
        env=environment,
        cwd=ROOT,
        preexec_fn=lambda: die_with_parent(parent),
    )
    try:
        return run.wait()
    finally:
        end(run)


def end(run: subprocess.Popen[bytes]) -> None:
    """Interrupt the run. A terminal's Ctrl-C has reached it too, any other signal has not."""
    for number in (None, signal.SIGINT, signal.SIGKILL):
        if run.poll() is None and number is not None:
            run.send_signal(number)
        try:
            run.wait(PYTEST_PATIENCE_SECONDS if number else 1)
        except subprocess.TimeoutExpired:
            continue
