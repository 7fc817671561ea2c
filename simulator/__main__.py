"""`python -m simulator`: the simulated gateway as a process of its own."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

from simulator.behaviours import BEHAVIOURS
from simulator.served.server import Process
from simulator.state.host import LiveHost
from simulator.state.settings import INSTANT, Pace, Settings, Traffic
from simulator.web.outgoing import backend_at, over_network
from simulator.world import process, state_file
from simulator.world.traffic import TrafficSource
from simulator.world.world import World

SECRETS = {
    "api_key": "SIMULATOR_API_KEY",
    "hmac_secret": "SIMULATOR_HMAC_SECRET",
    "control_key": "SIMULATOR_CONTROL_KEY",
}


class CannotStart(Exception):
    """The simulator cannot start. One line with the reason and what to do."""


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT. Return 0 if ended on request, 1 if it could not start."""
    options = _options(arguments)
    try:
        world = _world(options)
        served = Process(
            world, host=options.host, port=options.port, control_port=options.control_port
        )
        found = _found(world, options)
        _start(served, options)
    except CannotStart as reason:
        print(f"simulator: {reason}", file=sys.stderr)
        return 1

    def end(number: int, frame: FrameType | None) -> None:
        served.end()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    print(
        f"READY http://{options.host}:{served.api.port}"
        f" control http://{options.host}:{served.control.port}",
        flush=True,
    )
    if not found.is_seeded:
        world.timeline.after(0, lambda: process.begin(world, found.held))
    served.wait()
    served.close()
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m simulator",
        description="A simulated gateway. Secrets come from the environment: "
        + ", ".join(SECRETS.values()),
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=3001, help="0: any free one")
    parser.add_argument("--control-port", type=int, default=3002, help="stays when it is stopped")
    parser.add_argument("--state", type=Path, help="file with its logins; none: forgets them")
    parser.add_argument("--webhook-url", required=True, help="whole address, with the path")
    parser.add_argument("--backend-url", help="asked at a start which sessions should run")
    parser.add_argument("--instance-url", help="what it sends as X-Instance-Url")
    parser.add_argument("--kind", choices=sorted(BEHAVIOURS), default="webjs")
    parser.add_argument(
        "--recover-sessions", action="store_true", help="wwebjs_api: as with RECOVER_SESSIONS"
    )
    parser.add_argument("--strict", action="store_true", help="as shipped: no key in a header")
    parser.add_argument("--traffic", action="store_true", help="connected sessions speak")
    parser.add_argument("--restore-seconds", type=float, default=Pace().restore)
    parser.add_argument("--quick", action="store_true", help="nothing takes its time")
    return parser.parse_args(arguments)


def _world(options: argparse.Namespace) -> World:
    webhooks = urlsplit(options.webhook_url)
    if webhooks.scheme not in ("http", "https") or not webhooks.hostname:
        raise CannotStart(f"--webhook-url is no address: {options.webhook_url}")
    given = _secrets()
    settings = Settings(
        api_key=given["api_key"],
        hmac_secret=given["hmac_secret"],
        control_key=given["control_key"],
        kind=options.kind,
        recovers=options.recover_sessions,
        instance_url=options.instance_url or f"http://{options.host}:{options.port}",
        webhook_path=webhooks.path or "/",
        strict=options.strict,
        pace=INSTANT if options.quick else replace(Pace(), restore=options.restore_seconds),
    )
    backend = options.backend_url and backend_at(options.backend_url, api_key=settings.api_key)
    world = World(
        settings,
        host=LiveHost(),
        deliver=over_network(f"{webhooks.scheme}://{webhooks.netloc}"),
        backend=backend or None,
    )
    world.traffic = Traffic(enabled=options.traffic)
    TrafficSource(world).step()
    return world


def _secrets() -> dict[str, str]:
    missing = [name for name in SECRETS.values() if not os.environ.get(name)]
    if missing:
        raise CannotStart(f"set {', '.join(missing)} in the environment")
    return {field: os.environ[name] for field, name in SECRETS.items()}


def _start(served: Process, options: argparse.Namespace) -> None:
    try:
        served.start()
    except OSError as error:
        ports = f"{options.port} or {options.control_port}"
        raise CannotStart(
            f"port {ports} on {options.host} cannot be opened ({error.strerror}):"
            " choose others with --port and --control-port"
        ) from None


def _found(world: World, options: argparse.Namespace) -> state_file.SavedState:
    """Return the state found on disk, and save the state there from now on."""
    if options.state is None:
        return state_file.SavedState()
    try:
        found = state_file.load(world, options.state)
    except ValueError as error:
        raise CannotStart(str(error)) from None
    world.save = lambda: state_file.save(world, options.state)
    return found


if __name__ == "__main__":
    sys.exit(main())
