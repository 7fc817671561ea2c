"""`./run up`: everything, from an empty machine to READY."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from instance import ports
from instance.children import Child, last_lines, wait_until
from instance.environment import instance_environment
from instance.servers import start_servers
from instance.state import State, Trouble, write_private
from instance.supervisor import Interrupted, Supervisor, stop_on_signals

ROOT = Path(__file__).resolve().parent.parent
READY_LIMIT_SECONDS = 60.0
SIMULATOR_PORT = 3001  # the Node service's own
GATEWAY_NAME = "whatsapp-1"
ADMIN_NAME = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    port: int
    bind: str
    state: State
    simulator: bool

    @property
    def url(self) -> str:
        host = f"[{self.bind}]" if ":" in self.bind else self.bind
        return f"http://{host}:{self.port}"


def up(arguments: list[str]) -> int:
    """The exit code. Everything that is started is stopped again, whatever happens."""
    options = _options(arguments)
    supervisor = Supervisor(say)
    stop_on_signals()
    try:
        _start(options, supervisor)
        supervisor.watch()
    except Interrupted:
        say("Stopping…")
        return 0
    except Trouble as trouble:
        say(f"rollcall: {trouble}", to=sys.stderr)
        return 1
    finally:
        supervisor.stop()
    return 0


def say(line: str, *, to: object = None) -> None:
    print(line, file=to or sys.stdout, flush=True)  # type: ignore[call-overload]


def _options(arguments: list[str]) -> Options:
    parser = argparse.ArgumentParser(prog="./run up", description="Start Rollcall.")
    parser.add_argument("--port", type=_port, default=8000, help="of the web (8000)")
    parser.add_argument("--bind", default="127.0.0.1", help="address of the web (127.0.0.1)")
    parser.add_argument(
        "--state", type=Path, default=ROOT / ".rollcall", help="directory (.rollcall)"
    )
    parser.add_argument("--no-simulator", action="store_true", help="no simulated gateway, no demo")
    given = parser.parse_args(arguments)
    if given.bind not in ("127.0.0.1", "localhost", "::1") and not given.no_simulator:
        parser.error("--bind opens the web to others: give --no-simulator as well")
    return Options(
        port=given.port,
        bind=given.bind,
        state=State(given.state),
        simulator=not given.no_simulator,
    )


def _port(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: 1 to 65535")
    return int(text)


def _start(options: Options, supervisor: Supervisor) -> None:
    state = options.state
    fresh = state.is_fresh
    ports.require_free(options.port, options.bind)
    state.prepare()
    state.lock()
    secrets = state.secrets()
    servers = start_servers(
        state.directory,
        postgres_password=secrets["postgres_password"],
        redis_password=secrets["redis_password"],
        ports=state.remembered(),
        logs=state.logs,
        fresh=fresh,
        adopt=supervisor.adopt,
    )
    for note in servers.notes:
        say(note)
    simulator_ports = _simulator_ports(state, options, frozenset(servers.ports.values()))
    state.remember(**servers.ports, **simulator_ports)
    simulator_url = f"http://127.0.0.1:{simulator_ports['simulator']}" if simulator_ports else None
    access = _access(options, secrets, servers.database_url, servers.redis_url, simulator_url)
    if simulator_ports:
        access["simulator_control_url"] = f"http://127.0.0.1:{simulator_ports['simulator_control']}"
    write_private(state.access, access)
    environment = instance_environment(state)
    _prepare_database(options, environment, fresh=fresh)
    for child in _children(options, environment, simulator_ports):
        supervisor.start(child)
    web = next(child for child in supervisor.children if child.name == "web")
    wait_until(lambda: _healthy(options), web, limit_seconds=READY_LIMIT_SECONDS)
    _settle(supervisor)
    _announce(options, access, secrets, first=fresh)


def _simulator_ports(state: State, options: Options, taken: frozenset[int]) -> dict[str, int]:
    if not options.simulator:
        return {}
    remembered = state.remembered()
    taken |= {options.port}
    api = ports.free_port(remembered.get("simulator", SIMULATOR_PORT), taken=taken)
    control = ports.free_port(remembered.get("simulator_control"), taken=taken | {api})
    return {"simulator": api, "simulator_control": control}


def _access(
    options: Options,
    secrets: dict[str, str],
    database_url: str,
    redis_url: str,
    simulator_url: str | None,
) -> dict[str, object]:
    gateway = {
        "name": GATEWAY_NAME,
        "api_key": secrets["gateway_api_key"],
        "hmac_secret": secrets["gateway_hmac_secret"],
    }
    return {
        "url": options.url,
        "admin": {"username": ADMIN_NAME, "password": secrets["admin_password"]},
        "gateway": gateway if options.simulator else None,
        "database_url": database_url,
        "redis_url": redis_url,
        "simulator_url": simulator_url,
        "simulator_control_key": secrets["simulator_control_key"] if options.simulator else None,
    }


def _prepare_database(options: Options, environment: dict[str, str], *, fresh: bool) -> None:
    secrets = options.state.secrets()
    admin = {
        "ROLLCALL_ADMIN_USERNAME": ADMIN_NAME,
        "ROLLCALL_ADMIN_PASSWORD": secrets["admin_password"],
    }
    _manage(options.state, {**environment, **admin}, "migrate", "--verbosity", "0")
    _manage(options.state, {**environment, **admin}, "ensure_admin")
    if options.simulator:
        # Also later: the simulator's port may have changed. What is there already is kept.
        words = ["demo_fleet"] if fresh else ["demo_fleet", "--gateway-only"]
        _manage(options.state, {**environment, **_simulator_environment(options)}, *words)


def _manage(state: State, environment: dict[str, str], *words: str) -> None:
    log = state.log("manage")
    with log.open("ab") as file:
        done = subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *words],
            env=environment,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0:
        raise Trouble(f"manage.py {words[0]} failed: {last_lines(log, 2)} — see {log}")


def _simulator_environment(options: Options) -> dict[str, str]:
    secrets = options.state.secrets()
    remembered = options.state.remembered()
    return {
        "SIMULATOR_GATEWAY_NAME": GATEWAY_NAME,
        "SIMULATOR_URL": f"http://127.0.0.1:{remembered['simulator']}",
        "SIMULATOR_STATE": str(options.state.directory / "simulator.json"),
        "SIMULATOR_API_KEY": secrets["gateway_api_key"],
        "SIMULATOR_HMAC_SECRET": secrets["gateway_hmac_secret"],
        "SIMULATOR_CONTROL_KEY": secrets["simulator_control_key"],
    }


def _children(
    options: Options, environment: dict[str, str], simulator_ports: dict[str, int]
) -> list[Child]:
    state = options.state
    python = sys.executable
    host = f"[{options.bind}]" if ":" in options.bind else options.bind
    commands = {
        "web": [
            python, "-m", "gunicorn", "config.wsgi:application", "--bind", f"{host}:{options.port}",
            "--worker-class", "gthread", "--workers", "2", "--threads", "8",
            "--graceful-timeout", "4", "--no-control-socket",
        ],
        "worker": [
            python, "-m", "celery", "-A", "config", "worker", "--pool", "threads",
            "--concurrency", "16", "--without-gossip", "--without-mingle", "--loglevel", "INFO",
        ],
        "beat": [
            python, "-m", "celery", "-A", "config", "beat", "--loglevel", "INFO",
            "--schedule", str(state.directory / "beat-schedule"), "--pidfile=",
        ],
    }  # fmt: skip
    if options.simulator:
        commands["simulator"] = [
            python, "-m", "gateways.simulator", "--host", "127.0.0.1",
            "--port", str(simulator_ports["simulator"]),
            "--control-port", str(simulator_ports["simulator_control"]),
            "--state", str(state.directory / "simulator.json"),
            "--webhook-url", f"{options.url}/api/webhooks/webjs",
            "--backend-url", options.url, "--traffic",
        ]  # fmt: skip
        environment = {**environment, **_simulator_environment(options)}
    return [
        Child(
            name=name,
            command=command,
            environment=environment,
            log=state.log(name),
            directory=ROOT,
        )
        for name, command in commands.items()
    ]


def _healthy(options: Options) -> bool:
    try:
        with urllib.request.urlopen(f"{options.url}/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _settle(supervisor: Supervisor) -> None:
    """READY means that everything runs: one that dies of a mistake does so at once."""
    time.sleep(0.5)
    supervisor.look()


def _announce(
    options: Options, access: dict[str, object], secrets: dict[str, str], *, first: bool
) -> None:
    path = options.state.access
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    secret = sys.stdout.isatty()
    say(f"READY {options.url}")
    password = secrets["admin_password"] if secret else f"see {shown}"
    say(f"  admin      {options.url}/admin/  {ADMIN_NAME} / {password}")
    if options.simulator:
        key = secrets["gateway_api_key"] if secret else f"see {shown}"
        say(f"  gateway    {GATEWAY_NAME} (simulated) {access['simulator_url']}  API key {key}")
        control = secrets["simulator_control_key"] if secret else f"see {shown}"
        say(f"  its faults {access['simulator_control_url']}/_control/  X-Control-Key {control}")
    else:
        say("  no gateway yet: ./run manage workspace_add, gateway_add, account_add")
    say(f"  all of it  {shown} · logs in {options.state.logs}")
    if first:
        say("  Ctrl-C stops everything; the next start finds its data again.")
