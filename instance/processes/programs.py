"""The programs of an instance beside its servers: web, live, worker, beat, and the simulated
gateway."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gateways.base import webhook_path
from gateways.registry import default_kind
from instance.options import Options
from instance.processes.children import Child

ROOT = Path(__file__).resolve().parents[2]
FIRST_PORT_OF_ANYBODY = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """The user that runs the programs (None: the current one), and the directory it may write
    to."""

    user: str | None
    directory: Path


def programs(options: Options, crew: Crew, environment: Mapping[str, str]) -> list[Child]:
    """Return web, live, worker and beat, in the order of their start."""
    web = crew if may_open(options.port) else Crew(user=None, directory=crew.directory)
    return [
        _child(options, web, "web", _web(options), environment),
        _child(options, crew, "live", _live(options), environment),
        _child(options, crew, "worker", _worker(), environment),
        _child(options, crew, "beat", _beat(crew), environment),
    ]


def simulator(options: Options, crew: Crew, simulated: Mapping[str, str]) -> Child:
    """Return the simulated gateway, with its own secrets and none of ours, as a foreign service."""
    child = _child(options, crew, "simulator", _simulator(options, simulated), simulated)
    child.is_needed = False
    return child


def preparation(
    options: Options, crew: Crew, environment: Mapping[str, str], commands: list[str]
) -> Child:
    """Return the management commands that run first, one after the other."""
    words = ["-m", "instance.processes.preparation", *commands]
    return _child(options, crew, "preparation", words, environment)


def may_open(port: int) -> bool:
    """Return whether a user other than root may listen on the port."""
    return port >= int(FIRST_PORT_OF_ANYBODY.read_text())


def _child(
    options: Options, crew: Crew, name: str, words: list[str], environment: Mapping[str, str]
) -> Child:
    if crew.user:
        home = {"HOME": str(crew.directory), "USER": crew.user, "LOGNAME": crew.user}
        environment = {**environment, **home}
    return Child(
        name=name,
        command=[sys.executable, *words],
        environment=environment,
        log=options.state.log(name),
        directory=ROOT,
        user=crew.user,
    )


def _web(options: Options) -> list[str]:
    return [
        "-m", "gunicorn", "config.wsgi:application", "--config", "python:instance.web",
        "--bind", options.address,
    ]  # fmt: skip


def _live(options: Options) -> list[str]:
    return ["-m", "config.live", "--bind", options.live_address]


def _worker() -> list[str]:
    return [
        "-m", "celery", "--quiet", "-A", "config", "worker",
        "--pool", "threads",
        "--without-gossip", "--without-mingle", "--loglevel", "INFO",
    ]  # fmt: skip


def _beat(crew: Crew) -> list[str]:
    return [
        "-m", "celery", "--quiet", "-A", "config", "beat", "--loglevel", "INFO",
        "--schedule", str(crew.directory / "beat-schedule"), "--pidfile=",
    ]  # fmt: skip


def _simulator(options: Options, simulated: Mapping[str, str]) -> list[str]:
    return [
        "-m", "simulator", "--host", "127.0.0.1",
        "--port", simulated["SIMULATOR_URL"].rsplit(":", 1)[1],
        "--control-port", simulated["SIMULATOR_CONTROL_URL"].rsplit(":", 1)[1],
        "--state", simulated["SIMULATOR_STATE"],
        "--webhook-url", f"{options.url}{webhook_path(default_kind().name)}",
        "--backend-url", options.url, "--traffic",
    ]  # fmt: skip
