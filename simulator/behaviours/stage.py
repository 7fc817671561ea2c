"""The part of the simulated world that a behaviour may use."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from simulator.state.host import Host
from simulator.state.sessions import Login, SimulatedSession
from simulator.state.settings import Faults, Settings


class Stage(Protocol):
    """The operations on the world that a behaviour may use. The world's lock is held meanwhile."""

    settings: Settings
    host: Host
    faults: Faults
    sessions: dict[str, SimulatedSession]
    logins: dict[str, Login]

    def start(self, session_id: str, workspace_id: int) -> None: ...

    def begin(self, session: SimulatedSession) -> None: ...

    def place(self, session_id: str, workspace_id: int) -> SimulatedSession: ...

    def show_qr(self, session: SimulatedSession) -> None: ...

    def become_ready(self, session: SimulatedSession) -> None: ...

    def put_to_rest(self, session: SimulatedSession) -> None: ...

    def tell(self, bodies: Iterable[dict[str, object]]) -> None: ...

    def later(
        self,
        seconds: float,
        session: SimulatedSession,
        action: Callable[[SimulatedSession], None],
    ) -> None: ...

    def changed(self) -> None: ...
