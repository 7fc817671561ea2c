"""What an instance runs beside its servers: web, worker, beat, and the simulated gateway."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from instance.children import Child
from instance.options import Options

ROOT = Path(__file__).resolve().parent.parent


def programs(
    options: Options, environment: Mapping[str, str], simulated: Mapping[str, str]
) -> list[Child]:
    """In the order of their start. `simulated`: what the simulator reads from its environment."""
    commands = {"web": _web(options), "worker": _worker(), "beat": _beat(options)}
    children = [_child(options, name, words, environment) for name, words in commands.items()]
    if options.simulator:
        words = _simulator(options, simulated)
        children.append(_child(options, "simulator", words, {**environment, **simulated}))
    return children


def preparation(options: Options, environment: Mapping[str, str], commands: list[str]) -> Child:
    """Management commands that run before all this, one after the other."""
    return _child(options, "preparation", ["-m", "instance.preparation", *commands], environment)


def _child(options: Options, name: str, words: list[str], environment: Mapping[str, str]) -> Child:
    return Child(
        name=name,
        command=[sys.executable, *words],
        environment=environment,
        log=options.state.log(name),
        directory=ROOT,
    )


def _web(options: Options) -> list[str]:
    return [
        "-m", "gunicorn", "config.wsgi:application", "--config", "python:instance.web",
        "--bind", options.address,
    ]  # fmt: skip


def _worker() -> list[str]:
    return [
        "-m", "celery", "--quiet", "-A", "config", "worker",
        "--pool", "threads", "--concurrency", "32",
        "--without-gossip", "--without-mingle", "--loglevel", "INFO",
    ]  # fmt: skip


def _beat(options: Options) -> list[str]:
    return [
        "-m", "celery", "--quiet", "-A", "config", "beat", "--loglevel", "INFO",
        "--schedule", str(options.state.directory / "beat-schedule"), "--pidfile=",
    ]  # fmt: skip


def _simulator(options: Options, simulated: Mapping[str, str]) -> list[str]:
    return [
        "-m", "simulator", "--host", "127.0.0.1",
        "--port", simulated["SIMULATOR_URL"].rsplit(":", 1)[1],
        "--control-port", simulated["SIMULATOR_CONTROL_URL"].rsplit(":", 1)[1],
        "--state", simulated["SIMULATOR_STATE"],
        "--webhook-url", f"{options.url}/api/webhooks/webjs",
        "--backend-url", options.url, "--traffic",
    ]  # fmt: skip
