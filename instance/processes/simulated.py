"""The simulated gateway beside an instance.

It counts as a foreign service: it shares no secret with us but its own keys, and if it ends, the
instance goes on.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping

from instance import ports
from instance.options import Options
from instance.processes.children import Child, last_lines
from instance.processes.programs import Crew, simulator
from instance.processes.supervisor import LOOK_EVERY_SECONDS, Supervisor

GATEWAY_NAME = "whatsapp-1"
FIRST_PORT = 3001  # the Node service's default
READY_LIMIT_SECONDS = 60.0
# The variables that a program needs of our environment; any other may be a secret.
PASSED_ON = ("PATH", "LANG", "LC_ALL", "PYTHONHASHSEED", "PYTHONPATH", "VIRTUAL_ENV")


class SimulatedGateway:
    """The simulated gateway of an instance.

    `environment`: for the simulator, and for the command that registers it. `child`: its
    process. `when_moved` is called once its addresses have changed.
    """

    def __init__(
        self,
        options: Options,
        crew: Crew,
        secrets: Mapping[str, str],
        *,
        taken: frozenset[int],
        when_moved: Callable[[SimulatedGateway], None],
    ) -> None:
        self._options, self._crew, self._secrets = options, crew, secrets
        self._taken = taken | {options.port}
        self._when_moved = when_moved
        self.environment = self._choose()
        self.child = self._make_child()

    @property
    def url(self) -> str:
        return self.environment["SIMULATOR_URL"]

    @property
    def ports(self) -> tuple[int, int]:
        """Return its port, and that of its control interface."""
        urls = (self.url, self.environment["SIMULATOR_CONTROL_URL"])
        api, control = (int(url.rsplit(":", 1)[1]) for url in urls)
        return api, control

    def move_if_taken(self) -> None:
        """Choose new ports if one was taken since it was chosen, or since the simulator died."""
        if all(ports.is_free(port) for port in self.ports):
            return
        self.environment = self._choose()
        fresh = self._make_child()
        self.child.command, self.child.environment = fresh.command, fresh.environment
        self._when_moved(self)

    def wait(self, supervisor: Supervisor) -> str:
        """Wait until it answers. Return why it does not, as one sentence. Raise Trouble for the
        others."""
        ends = time.monotonic() + READY_LIMIT_SECONDS
        while not self.child.has_said("READY "):
            supervisor.look()
            if time.monotonic() > ends or len(self.child.deaths) > 2:
                log = self.child.log
                return f"The simulated gateway does not start: {last_lines(log, 1)} — see {log}"
            time.sleep(LOOK_EVERY_SECONDS)
        return ""

    def _choose(self) -> dict[str, str]:
        remembered = self._options.state.remembered()
        api = ports.free_port(remembered.get("simulator", FIRST_PORT), taken=self._taken)
        control = ports.free_port(remembered.get("simulator_control"), taken=self._taken | {api})
        self._options.state.remember(simulator=api, simulator_control=control)
        return {
            **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
            "PYTHONUNBUFFERED": "1",
            "TZ": "UTC",
            "SIMULATOR_GATEWAY_NAME": GATEWAY_NAME,
            "SIMULATOR_URL": f"http://127.0.0.1:{api}",
            "SIMULATOR_CONTROL_URL": f"http://127.0.0.1:{control}",
            "SIMULATOR_STATE": str(self._crew.directory / "simulator.json"),
            "SIMULATOR_API_KEY": self._secrets["gateway_api_key"],
            "SIMULATOR_HMAC_SECRET": self._secrets["gateway_hmac_secret"],
            "SIMULATOR_CONTROL_KEY": self._secrets["simulator_control_key"],
        }

    def _make_child(self) -> Child:
        child = simulator(self._options, self._crew, self.environment)
        child.before_restart = self.move_if_taken
        return child
