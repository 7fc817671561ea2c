"""`./run up`: everything, from an empty machine to READY."""

from __future__ import annotations

import http.client
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import replace

from instance import access, account, ports
from instance.environment import instance_environment
from instance.options import Options, read_options
from instance.processes.children import run_to_end, wait_until
from instance.processes.programs import Crew, may_open, preparation, programs
from instance.processes.simulated import SimulatedGateway
from instance.processes.supervisor import Interrupted, Supervisor, stop_on_signals
from instance.servers import cluster
from instance.servers.roles import Passwords
from instance.servers.start import Demands, Servers, start_servers
from instance.state import Trouble, read_json, write_json

READY_LIMIT_SECONDS = 60.0


def main(arguments: list[str]) -> int:
    """Start everything, and stop all of it at the end in any case. Return the exit code."""
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
    """Print a line. A closed output (`./run up | head`, a closed terminal) is ignored."""
    try:
        print(line, flush=True)
    except OSError:
        # The rest of the buffer would fail once more at the exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _start(options: Options, supervisor: Supervisor) -> None:
    options.state.take()
    ports.require_free(options.port, options.bind)
    options = _with_live_port(options)
    secrets = options.state.secrets()
    for note in account.make():
        say(note)
    home = cluster.open_home(options.state.directory)
    servers = _servers(options, supervisor, secrets, home)
    crew = _crew(options, home)
    simulated = _simulated(options, crew, secrets, servers)
    _write_facts(options, servers, secrets, simulated)
    environment = instance_environment(options.state)
    _prepare_database(options, crew, environment, secrets, simulated)
    for child in programs(options, crew, environment):
        supervisor.start(child)
    if simulated:
        supervisor.start(simulated.child)
    _wait(options, supervisor, simulated)
    options.state.remember(completed=True)
    for line in access.announcement(options, read_json(options.state.access)):
        say(line)


def _with_live_port(options: Options) -> Options:
    """Choose the port of the streams: the one after the web's, or another if that one is taken."""
    port = options.port + 1
    if port > 65535 or not ports.is_free(port, options.bind):
        port = ports.free_port(taken=frozenset({options.port}))
    return replace(options, live_port=port)


def _servers(
    options: Options, supervisor: Supervisor, secrets: Mapping[str, str], home: cluster.Home
) -> Servers:
    demands = Demands(
        home=home,
        logs=options.state.logs,
        postgres_passwords=Passwords(
            superuser=secrets["postgres_superuser_password"], rollcall=secrets["postgres_password"]
        ),
        redis_password=secrets["redis_password"],
        port=options.state.remembered().get("postgres"),
        taken=frozenset({options.port, options.live_port}),
    )
    servers = start_servers(demands, adopt=supervisor.adopt)
    options.state.remember(**servers.ports)
    for note in servers.notes:
        say(note)
    return servers


def _crew(options: Options, home: cluster.Home) -> Crew:
    """Return the user for root's programs (the account of its servers) and the directory it may
    write."""
    if home.user is None:
        return Crew(user=None, directory=options.state.directory)
    if reason := account.why_not_programs(home.user):
        say(f"Web, worker, beat and simulator run as root: {reason}.")
        return Crew(user=None, directory=options.state.directory)
    if not may_open(options.port):
        say(f"The web runs as root: nobody else may open port {options.port}.")
    cluster.bring(home, options.state.directory / "simulator.json")
    return Crew(user=home.user, directory=home.directory)


def _simulated(
    options: Options, crew: Crew, secrets: Mapping[str, str], servers: Servers
) -> SimulatedGateway | None:
    if not options.simulator:
        return None

    def register_again(gateway: SimulatedGateway) -> None:
        _write_facts(options, servers, secrets, gateway)
        environment = {**instance_environment(options.state), **gateway.environment}
        run_to_end(preparation(options, crew, environment, ["demo_fleet --gateway-only"]))
        say(f"A port of the simulated gateway is taken: it is at {gateway.url} now.")

    taken = frozenset(servers.ports.values())
    return SimulatedGateway(options, crew, secrets, taken=taken, when_moved=register_again)


def _write_facts(
    options: Options,
    servers: Servers,
    secrets: Mapping[str, str],
    simulated: SimulatedGateway | None,
) -> None:
    environment = simulated.environment if simulated else {}
    write_json(options.state.access, access.facts(options, servers, secrets, environment))


def _prepare_database(
    options: Options,
    crew: Crew,
    environment: Mapping[str, str],
    secrets: Mapping[str, str],
    simulated: SimulatedGateway | None,
) -> None:
    given = {
        **environment,
        "ROLLCALL_ADMIN_USERNAME": access.ADMIN_NAME,
        "ROLLCALL_ADMIN_PASSWORD": secrets["admin_password"],
    }
    commands = ["migrate --verbosity 0", "ensure_admin"]
    if simulated:
        # Repeated at later starts: the simulator's port may have changed. A fleet is made once.
        again = options.state.remembered().get("completed")
        commands.append("demo_fleet --gateway-only" if again else "demo_fleet")
        given |= simulated.environment
    run_to_end(preparation(options, crew, given, commands))


def _wait(options: Options, supervisor: Supervisor, simulated: SimulatedGateway | None) -> None:
    """Wait until everything answers, then print READY. A misconfigured process dies at once."""
    web = supervisor.child("web")
    wait_until(lambda: _is_healthy(options), web, limit_seconds=READY_LIMIT_SECONDS)
    if simulated and (reason := simulated.wait(supervisor)):
        say(reason)
    live = supervisor.child("live")
    wait_until(
        lambda: ports.answers(options.live_port, options.host),
        live,
        limit_seconds=READY_LIMIT_SECONDS,
    )
    time.sleep(0.5)
    supervisor.settle()


def _is_healthy(options: Options) -> bool:
    """Ask /health directly: a proxy from the environment must not be used."""
    connection = http.client.HTTPConnection(options.host, options.port, timeout=2)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
