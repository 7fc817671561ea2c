"""What befalls the estate: phones, browsers, gateways, networks, our own machines, and people who
click. Everything is drawn from the seed."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Any

from django.db import OperationalError

from simulator.state.sessions import SimulatedSession, Truth
from simulator.world.world import Failure, ProcessState
from tests.simulation.estate import Site
from tests.simulation.fates import gateways, others, ours, people, sessions
from tests.simulation.fates.stage import Stage

DAY = 86400.0


class Fate:
    def __init__(self, stage: Stage) -> None:
        self.stage, self.random = stage, stage.random
        self.is_quiet = False
        self._to_sessions = sessions.ToSessions(stage)
        self._to_others = others.ToOtherSessions(stage)
        self._by_people = people.ByPeople(stage)
        self._to_gateways = gateways.ToGateways(stage, self._to_sessions)
        self._to_us = ours.ToUs(stage)

    def begin(self, *, intensity: float = 1.0, only: Collection[str] = ()) -> None:
        """Start the faults. `only`: these; empty: all."""
        estate = self.stage.estate
        kinds: tuple[tuple[dict[str, float], int, Callable[[str], None]], ...] = (
            (sessions.RATES | people.RATES, len(estate.numbers), self._befall_a_session),
            (gateways.RATES, len(estate.sites), self._befall_a_gateway),
            (ours.RATES, 1, self._befall_us),
        )
        for rates, number, befall in kinds:
            drawn = {name: rate for name, rate in rates.items() if not only or name in only}
            if drawn:
                self._next(drawn, sum(drawn.values()) * number * intensity / DAY, befall)

    def lose_all(self) -> None:
        """Lose all sessions of every gateway, at once and silently."""
        for site in self.stage.estate.sites:
            self._to_gateways.lose_all(site)
            site.touch()

    def _next(
        self, rates: dict[str, float], per_second: float, befall: Callable[[str], None]
    ) -> None:
        def happen() -> None:
            if not self.is_quiet:
                [what] = self.random.choices(list(rates), weights=list(rates.values()))
                befall(what)
            self._next(rates, per_second, befall)

        self.stage.hub.after(self.random.expovariate(per_second), happen, "fate")

    def _befall_us(self, what: str) -> None:
        self.stage.note(f"ours: {what}")
        getattr(self._to_us, what)()

    def _befall_a_gateway(self, what: str) -> None:
        site = self._some_site()
        self.stage.note(f"{site.gateway.name}: {what}")
        getattr(self._to_gateways, what)(site)

    def _befall_a_session(self, what: str) -> None:
        site = self._some_site()
        session = self._some_session(site)
        if session is None:
            return
        deeds: Any = self._to_sessions if site.kind.name == "webjs" else self._to_others
        deeds = self._by_people if what in people.RATES else deeds
        self.stage.note(f"{session.session_id}: {what}")
        # Where it makes no sense of this session just now, or the database stumbles.
        with suppress(Failure, OperationalError):
            getattr(deeds, what)(site, session)

    def _some_site(self) -> Site:
        site = self.random.choice(self.stage.estate.sites)
        site.touch()
        return site

    def _some_session(self, site: Site) -> SimulatedSession | None:
        if site.world.state is not ProcessState.RUNNING or not site.world.sessions:
            return None
        sessions = site.world.sessions.values()
        running = [one for one in sessions if one.truth is not Truth.STOPPED]
        return self.random.choice(running) if running else None
