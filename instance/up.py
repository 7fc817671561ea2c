"""`./run up`: everything, from an empty machine to READY."""

from __future__ import annotations

import http.client
import os
import sys
import time
from collections.abc import Mapping

from instance import access, ports
from instance.children import run_to_end, wait_until
from instance.environment import instance_environment
from instance.options import Options, read_options
from instance.programs import preparation, programs
from instance.servers import Demands, Servers, start_servers
from instance.state import Trouble, write_json
from instance.supervisor import Interrupted, Supervisor, stop_on_signals

READY_LIMIT_SECONDS = 60.0
SIMULATOR_PORT = 3001  # the Node service's own


def main(arguments: list[str]) -> int:
    """The exit code. Everything that is started is stopped again, whatever happens."""
    options = read_options(arguments)
    supervisor = Supervisor(say)
    stop_on_signals()
    try:
        _start(options, supervisor)
        supervisor.watch()
    except Interrupted:
        say("Stopping…")
    except Trouble as trouble:
        print(f"rollcall: {trouble}", file=sys.stderr, flush=True)
        return 1
    finally:
        supervisor.stop()
    return 0


def say(line: str) -> None:
    """To whoever listens. `./run up | head` or a closed terminal: nobody does, and all goes on."""
    try:
        print(line, flush=True)
    except OSError:
        # What is left in the buffer would fail once more at the exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _start(options: Options, supervisor: Supervisor) -> None:
    options.state.take()
    ports.require_free(options.port, options.bind)
    secrets = options.state.secrets()
    servers = _servers(options, supervisor, secrets)
    simulated = _simulated(options, secrets, frozenset(servers.ports.values()))
    facts = access.facts(options, servers, secrets, simulated)
    write_json(options.state.access, facts)
    environment = instance_environment(options.state)
    _prepare_database(options, environment, secrets, simulated)
    for child in programs(options, environment, simulated):
        supervisor.start(child)
    _wait(options, supervisor)
    options.state.remember(completed=True)
    for line in access.announcement(options, facts):
        say(line)


def _servers(options: Options, supervisor: Supervisor, secrets: Mapping[str, str]) -> Servers:
    demands = Demands(
        directory=options.state.directory,
        logs=options.state.logs,
        postgres_password=secrets["postgres_password"],
        redis_password=secrets["redis_password"],
        ports=options.state.remembered(),
        taken=frozenset({options.port}),
    )
    servers = start_servers(demands, adopt=supervisor.adopt)
    options.state.remember(**servers.ports)
    for note in servers.notes:
        say(note)
    return servers


def _simulated(
    options: Options, secrets: Mapping[str, str], taken: frozenset[int]
) -> dict[str, str]:
    """What the simulator, and the command that registers it, read from their environment."""
    if not options.simulator:
        return {}
    remembered = options.state.remembered()
    taken |= {options.port}
    api = ports.free_port(remembered.get("simulator", SIMULATOR_PORT), taken=taken)
    control = ports.free_port(remembered.get("simulator_control"), taken=taken | {api})
    options.state.remember(simulator=api, simulator_control=control)
    return {
        "SIMULATOR_GATEWAY_NAME": access.GATEWAY_NAME,
        "SIMULATOR_URL": f"http://127.0.0.1:{api}",
        "SIMULATOR_CONTROL_URL": f"http://127.0.0.1:{control}",
        "SIMULATOR_STATE": str(options.state.directory / "simulator.json"),
        "SIMULATOR_API_KEY": secrets["gateway_api_key"],
        "SIMULATOR_HMAC_SECRET": secrets["gateway_hmac_secret"],
        "SIMULATOR_CONTROL_KEY": secrets["simulator_control_key"],
    }


def _prepare_database(
    options: Options,
    environment: Mapping[str, str],
    secrets: Mapping[str, str],
    simulated: Mapping[str, str],
) -> None:
    admin = {
        "ROLLCALL_ADMIN_USERNAME": access.ADMIN_NAME,
        "ROLLCALL_ADMIN_PASSWORD": secrets["admin_password"],
    }
    commands = ["migrate --verbosity 0", "ensure_admin"]
    if options.simulator:
        # Later as well: the simulator's port may have changed. A fleet is made once.
        again = options.state.remembered().get("completed")
        commands.append("demo_fleet --gateway-only" if again else "demo_fleet")
    run_to_end(preparation(options, {**environment, **admin, **simulated}, commands))


def _wait(options: Options, supervisor: Supervisor) -> None:
    """READY means that everything answers: one that dies of a mistake does so at once."""
    web = supervisor.child("web")
    wait_until(lambda: _is_healthy(options), web, limit_seconds=READY_LIMIT_SECONDS)
    if options.simulator:
        port = options.state.remembered()["simulator"]
        simulator = supervisor.child("simulator")
        wait_until(lambda: ports.answers(port), simulator, limit_seconds=READY_LIMIT_SECONDS)
    time.sleep(0.5)
    supervisor.settle()


def _is_healthy(options: Options) -> bool:
    """Asked directly: a proxy named in the environment has no part in it."""
    connection = http.client.HTTPConnection(options.host, options.port, timeout=2)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
