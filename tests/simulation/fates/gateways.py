"""What befalls one gateway: its process, its lists, its webhooks, many of its sessions at once."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from accounts.operators import confirm_loss
from accounts.state import maintenance
from accounts.words.refusals import Refused
from simulator.state.sessions import SimulatedSession, Truth
from simulator.world import faults as mishaps
from simulator.world import process
from simulator.world.world import ProcessState
from tests.simulation.estate import Site
from tests.simulation.fates.sessions import ToSessions
from tests.simulation.fates.stage import Fates, Stage
from tests.simulation.troubles import MANY_AT_ONCE

# How often each happens to one gateway a day.
RATES = {
    "stop": 6.0,
    "freeze": 6.0,
    "slow": 8.0,
    "restart": 4.0,
    "restart_losing": 1.5,
    "list_fault": 16.0,
    "lie_long": 0.5,
    "silence_webhooks": 6.0,
    "untidy_webhooks": 6.0,
    "misdirect_webhooks": 1.5,
    "skew": 2.0,
    "lose_many": 1.5,
    "reload_many": 1.5,
    "hide_many": 1.0,
    "maintain": 1.0,
    "answer_a_loss": 8.0,
}
LIST_FAULTS = (
    *("html", "error", "empty", "partial", "partial_wrong_total"),
    *("no_total", "unreadable_entry", "truncated"),
)

# What is lost at once waits for its turn: two starts at a time, each up to 20 s.
CALM_AGAIN, SECONDS_A_START = 1200.0, 10.0
FOR_LONG = 1200.0  # seconds that are lost until somebody at the gateway mends it, at least


class ToGateways(Fates):
    def __init__(self, stage: Stage, sessions: ToSessions) -> None:
        super().__init__(stage)
        self._sessions = sessions

    def stop(self, site: Site) -> None:
        if site.world.state is ProcessState.RUNNING:
            process.stop(site.world)
            self.soon(3, 400, lambda: self._run_again(site))

    def freeze(self, site: Site) -> None:
        if site.world.state is ProcessState.RUNNING:
            process.freeze(site.world)
            self.soon(3, 300, lambda: self._run_again(site))

    def _run_again(self, site: Site) -> None:
        if site.world.state is ProcessState.FROZEN:
            process.thaw(site.world)
        elif site.world.state is ProcessState.STOPPED:
            process.start(site.world)
        site.touch()

    def slow(self, site: Site) -> None:
        site.line.least, site.line.most = 0.5, self.random.uniform(2, 14)

        def over() -> None:
            site.line.least, site.line.most = 0.004, 0.06
            site.touch()

        self.soon(20, 400, over)

    def restart(self, site: Site, losing: float = 0.0) -> None:
        failing = [one for one in site.world.sessions if self.random.random() < losing]
        process.restart(
            site.world, down_seconds=self.random.choice([0, 2, 15, 70]), failing=failing
        )
        for session_id in failing:
            session = SimulatedSession(
                session_id=session_id,
                workspace_id=int(session_id.split("_")[1]),
                status="",
                truth=Truth.DISCONNECTED,
                last_activity=self.hub.clock.now,
            )
            self._sessions.heal_later(site, session)
        site.touch()

    def restart_losing(self, site: Site) -> None:
        self.restart(site, losing=0.1)

    def list_fault(self, site: Site, *, low: float = 3, high: float = 55) -> None:
        faults = site.world.faults
        faults.list_fault = self.random.choice(LIST_FAULTS)
        faults.list_keeps = self.random.randint(0, max(0, len(site.world.sessions) - 1))
        faults.health_agrees = self.random.random() < 0.5

        def over() -> None:
            faults.list_fault, faults.health_agrees = "", False
            site.touch()

        self.soon(low, high, over)

    def lie_long(self, site: Site) -> None:
        self.list_fault(site, low=60, high=400)

    def silence_webhooks(self, site: Site) -> None:
        faults = site.world.faults.webhooks
        faults.silent = site.webhooks_are_dead = True

        def over() -> None:
            faults.silent = site.webhooks_are_dead = False

        self.soon(300, 7200, over)

    def untidy_webhooks(self, site: Site) -> None:
        line = site.line
        line.lost, line.late, line.doubled, line.late_seconds = 0.2, 0.3, 0.3, 90.0

        def over() -> None:
            line.lost, line.late, line.doubled, line.late_seconds = 0.01, 0.02, 0.01, 40.0

        self.soon(300, 3600, over)

    def misdirect_webhooks(self, site: Site) -> None:
        site.line.elsewhere = self.random.choice([0.3, 1.0])

        def over() -> None:
            site.line.elsewhere = 0.0

        self.soon(120, 1800, over)

    def skew(self, site: Site) -> None:
        skew = self.random.choice([-20.0, 20.0, -200.0, 200.0, -900.0, 900.0])
        site.world.faults.webhooks.clock_skew_seconds = skew

        def over() -> None:
            site.world.faults.webhooks.clock_skew_seconds = 0.0

        self.soon(300, 3600, over)

    def lose_many(self, site: Site) -> None:
        """Lose three sessions or more, up to all, at once and silently."""
        sessions = list(site.world.sessions.values())
        share = self.random.choice([0.05, 0.3, 0.6, 1.0])
        most = min(len(sessions), max(3, int(len(sessions) * share)))
        lost = self.random.sample(sessions, most)
        self._many(site, most)
        for session in lost:
            self._sessions.lose(site, session)
        if site.kind.forgets_names:
            self.stage.on_mass_loss(site, {session.session_id for session in lost}, FOR_LONG)

    def lose_all(self, site: Site) -> None:
        """Lose all for good: only Rollcall brings them back."""
        held = set(site.world.sessions)
        for session_id in sorted(held):
            mishaps.lose(site.world, session_id)
        self.stage.on_mass_loss(site, held, FOR_LONG)

    def _many(self, site: Site, number: int) -> None:
        lasts = CALM_AGAIN + number * SECONDS_A_START
        self.stage.on_trouble(site.gateway.name, MANY_AT_ONCE, lasts)

    def reload_many(self, site: Site) -> None:
        """Half of them or more leave its memory, and are back within the minute."""
        sessions = [one for one in site.world.sessions.values() if one.is_alive]
        is_webjs = site.kind.name == "webjs"
        if site.world.state is not ProcessState.RUNNING or len(sessions) < 6 or not is_webjs:
            return
        many = self.random.randint(len(sessions) // 2 + 1, len(sessions))
        self._many(site, 0)
        gone, lasts = self.random.sample(sessions, many), self.random.uniform(5, 55)
        for session in gone:
            mishaps.lose(site.world, session.session_id)
        self.stage.on_mass_loss(site, {session.session_id for session in gone}, lasts)

        def back() -> None:
            world = site.world
            for session in gone:
                if session.session_id in world.logins:
                    world.sessions.setdefault(session.session_id, session)
            site.touch()

        self.hub.after(lasts, back, "fate")

    def hide_many(self, site: Site) -> None:
        """Half of them or more leave its list for a while, and live."""
        sessions = list(site.world.sessions.values())
        if site.kind.name == "wwebjs_api":  # its list is all that it holds
            return
        hidden = self.random.sample(
            sessions, self.random.randint(len(sessions) // 2, len(sessions))
        )
        self._many(site, 0)
        for session in hidden:
            session.listed = False

        def over() -> None:
            for session in hidden:
                session.listed = True
            site.touch()

        self.soon(5, 55, over)

    def maintain(self, site: Site) -> None:
        """A window in which it is restarted; now and then it is over early."""
        minutes = self.random.uniform(3, 25)
        self.stage.on_trouble(site.gateway.name, MANY_AT_ONCE, minutes * 60 + CALM_AGAIN)
        with suppress(Refused):
            maintenance.begin(
                site.gateway, duration=timedelta(minutes=minutes), why="an upgrade", actor="olga"
            )
        self.soon(5, 60, lambda: self.restart(site))
        if self.random.random() < 0.5:
            self.hub.after(minutes * 30, lambda: self._end_maintenance(site), "fate")

    def _end_maintenance(self, site: Site) -> None:
        with suppress(Refused):
            maintenance.end(site.gateway, actor="olga")

    def answer_a_loss(self, site: Site) -> None:
        """An operator says what a mass loss is. Confirms only what is so."""
        waiting = confirm_loss.sessions_lost(site.gateway, confirm_loss.AWAITING)
        if not waiting:
            return
        held = [one for one in waiting if one in site.world.sessions]
        verb = confirm_loss.dismiss_loss if held else confirm_loss.confirm_loss
        with suppress(Refused):
            verb(site.gateway, actor="olga")
