"""What befalls the estate: phones, browsers, gateways, networks, our own machines, and people who
click. Everything is drawn from the seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress

from accounts import lifecycle, losses
from accounts.models import Account
from accounts.repair.refusals import Refused
from accounts.status import Wanted
from gateways.base import GatewayError
from gateways.simulator import mishaps, process
from gateways.simulator.sessions import Browser, SimulatedSession, Truth
from gateways.simulator.world import Failure, State
from tests.gateways.simulated import connected
from tests.simulation.estate import Estate, Site
from tests.simulation.hub import Hub
from tests.simulation.worker import Worker

HOUR = 3600.0
# How often each happens: to one account a day, to one gateway a day, to us a day.
TO_ACCOUNTS = {
    "lose": 0.5,
    "crash_honest": 0.3,
    "crash_silently": 0.2,
    "hang": 0.2,
    "unlink": 0.25,
    "navigate": 0.5,
    "conflict": 0.15,
    "flap": 0.3,
    "replace": 0.1,
    "claim_reconnected": 0.1,
    "unlist": 0.1,
    "say_disconnected": 0.1,
    "speak": 6.0,
    "click": 0.3,
}
TO_GATEWAYS = {
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
    "answer_a_loss": 8.0,
}
TO_US = {
    "kill_worker": 8.0,
    "kill_beat": 6.0,
    "kill_redis": 5.0,
    "two_beats": 4.0,
    "cut_the_network": 3.0,
    "untidy_queue": 4.0,
    "web_down": 4.0,
}
LIST_FAULTS = (
    *("html", "error", "empty", "partial", "partial_wrong_total"),
    *("no_total", "unreadable_entry", "truncated"),
)
GATEWAY_RETRIES = 0.6  # of technical losses that it noticed


class Fate:
    def __init__(
        self,
        hub: Hub,
        estate: Estate,
        worker: Worker,
        source: random.Random,
        note: Callable[[str], None],
    ) -> None:
        self.hub, self.estate, self.worker = hub, estate, worker
        self.random, self.note = source, note
        self.on_mass_loss: Callable[[Site, set[str]], None] = lambda site, lost: None
        self.is_quiet = False
        self._new_sessions = 0

    def begin(self, *, intensity: float = 1.0) -> None:
        accounts, gateways = len(self.estate.numbers), len(self.estate.sites)
        for rates, number in ((TO_ACCOUNTS, accounts), (TO_GATEWAYS, gateways), (TO_US, 1)):
            total = sum(rates.values()) * number * intensity / (24 * HOUR)
            self._next(rates, total)

    def _next(self, rates: dict[str, float], per_second: float) -> None:
        def happen() -> None:
            if not self.is_quiet:
                [what] = self.random.choices(list(rates), weights=list(rates.values()))
                self._befall(rates, what)
            self._next(rates, per_second)

        self.hub.after(self.random.expovariate(per_second), happen, "fate")

    def _befall(self, rates: dict[str, float], what: str) -> None:
        deed = getattr(self, what)
        if rates is TO_US:
            self.note(f"ours: {what}")
            deed()
            return
        site = self.random.choice(self.estate.sites)
        site.touch()
        if rates is TO_GATEWAYS:
            self.note(f"{site.gateway.name}: {what}")
            deed(site)
            return
        session = self._some_session(site)
        if session is not None:
            self.note(f"{session.session_id}: {what}")
            with suppress(Failure):  # where it makes no sense of this session just now
                deed(site, session)

    def _some_session(self, site: Site) -> SimulatedSession | None:
        if site.world.state is not State.RUNNING or not site.world.sessions:
            return None
        return self.random.choice(list(site.world.sessions.values()))

    def _soon(self, low: float, high: float, then: Callable[[], None]) -> None:
        self.hub.after(self.random.uniform(low, high), then, "fate")

    # --- sessions -------------------------------------------------------------------------------
    def lose(self, site: Site, session: SimulatedSession) -> None:
        mishaps.lose(site.world, session.session_id)
        self._heal_later(site, session)

    def crash_honest(self, site: Site, session: SimulatedSession) -> None:
        mishaps.crash(site.world, session.session_id, honest=True)
        self._retry_or_heal(site, session)

    def crash_silently(self, site: Site, session: SimulatedSession) -> None:
        """Nothing that can be read tells: only traffic or a probe of the page."""
        mishaps.crash(site.world, session.session_id, honest=False)
        self._heal_later(site, session)

    def hang(self, site: Site, session: SimulatedSession) -> None:
        mishaps.hang(site.world, session.session_id, honest=self.random.random() < 0.5)

        def wake() -> None:
            if session.browser is Browser.HUNG:
                session.browser = Browser.RUNNING
                if session.truth is Truth.CONNECTED:
                    session.status = "connected"
            site.touch()

        self._soon(20, 900, wake)

    def unlink(self, site: Site, session: SimulatedSession) -> None:
        mishaps.unlink(site.world, session.session_id)
        number = session.phone_number
        if number:
            self._soon(60, 3600, lambda: self._scan(site, session.session_id, number))

    def navigate(self, site: Site, session: SimulatedSession) -> None:
        if session.is_alive:
            site.retries[session.session_id] = (session, self.hub.clock.now)
        mishaps.disconnect(site.world, session.session_id, reason="NAVIGATION")
        self._retry_or_heal(site, session)

    def conflict(self, site: Site, session: SimulatedSession) -> None:
        mishaps.disconnect(site.world, session.session_id, reason="CONFLICT")
        self._heal_later(site, session)

    def flap(self, site: Site, session: SimulatedSession) -> None:
        """Lost and back, several times."""

        def turn(left: int) -> None:
            if site.world.sessions.get(session.session_id) is not session or left == 0:
                return
            if session.truth is Truth.CONNECTED:
                mishaps.disconnect(site.world, session.session_id, reason="NAVIGATION")
            else:
                site.world.run(session, site.world.become_ready)
            site.touch()
            self._soon(0.5, 25, lambda: turn(left - 1))

        turn(2 * self.random.randint(1, 6))

    def replace(self, site: Site, session: SimulatedSession) -> None:
        """The number is scanned anew, under another session; the old one ends."""
        number = session.phone_number
        if not number or not session.is_alive:
            return
        self._new_sessions += 1
        fresh = f"{session.session_id.split('~')[0]}~{self._new_sessions}"
        if self.random.random() < 0.5:
            mishaps.disconnect(site.world, session.session_id, reason="LOGOUT")
        connected(
            site.world,
            fresh,
            workspace_id=session.workspace_id,
            phone_number=number,
            announce=True,
        )

        def end() -> None:
            site.world.sessions.pop(session.session_id, None)
            site.world.logins.pop(session.session_id, None)
            site.touch()

        self._soon(0, 40, end)

    def claim_reconnected(self, site: Site, session: SimulatedSession) -> None:
        mishaps.claim_reconnected(site.world, session.session_id)

    def unlist(self, site: Site, session: SimulatedSession) -> None:
        session.listed = False

        def again() -> None:
            session.listed = True

        self._soon(5, 200, again)

    def say_disconnected(self, site: Site, session: SimulatedSession) -> None:
        """The gateway lies: it is alive."""
        if not session.is_alive:
            return
        session.status = "disconnected"

        def again() -> None:
            if session.truth is Truth.CONNECTED and session.browser is Browser.RUNNING:
                session.status = "connected"
            site.touch()

        self._soon(1, 120, again)

    def speak(self, site: Site, session: SimulatedSession) -> None:
        if session.is_alive:
            mishaps.speak(site.world, session.session_id)

    def _retry_or_heal(self, site: Site, session: SimulatedSession) -> None:
        if self.random.random() < GATEWAY_RETRIES:
            self._soon(4, 150, lambda: self._reconnect_itself(site, session))
        else:
            self._heal_later(site, session)

    def _reconnect_itself(self, site: Site, session: SimulatedSession) -> None:
        if site.world.sessions.get(session.session_id) is not session:
            return
        session.browser = Browser.RUNNING
        if session.session_id in site.world.logins:
            site.world.run(session, site.world.authenticate)
        site.touch()

    def _heal_later(self, site: Site, session: SimulatedSession) -> None:
        self._soon(1200, 5400, lambda: self._start_anew(site, session))

    def _start_anew(self, site: Site, session: SimulatedSession) -> None:
        """Somebody at the gateway starts its browser again."""
        session_id, world = session.session_id, site.world
        now = world.sessions.get(session_id)
        if world.state is not State.RUNNING or session_id not in world.logins:
            return
        if now is not None and now.is_alive:
            return
        world.sessions.pop(session_id, None)
        site.touch()

        def create() -> None:
            world.create(session_id, session.workspace_id)
            site.touch()

        self.hub.spawn(create, "gateway's own")

    def _scan(self, site: Site, session_id: str, number: str) -> None:
        with suppress(Failure):
            mishaps.scan(site.world, session_id, phone_number=number)
        site.touch()

    # --- gateways -------------------------------------------------------------------------------
    def stop(self, site: Site) -> None:
        if site.world.state is State.RUNNING:
            process.stop(site.world)
            self._soon(3, 400, lambda: self._run_again(site))

    def freeze(self, site: Site) -> None:
        if site.world.state is State.RUNNING:
            process.freeze(site.world)
            self._soon(3, 300, lambda: self._run_again(site))

    def _run_again(self, site: Site) -> None:
        if site.world.state is State.FROZEN:
            process.thaw(site.world)
        elif site.world.state is State.STOPPED:
            process.start(site.world)
        site.touch()

    def slow(self, site: Site) -> None:
        site.line.least, site.line.most = 0.5, self.random.uniform(2, 14)

        def over() -> None:
            site.line.least, site.line.most = 0.004, 0.06
            site.touch()

        self._soon(20, 400, over)

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
            self._heal_later(site, session)
        site.touch()

    def restart_losing(self, site: Site) -> None:
        self.restart(site, losing=0.1)

    def list_fault(self, site: Site, *, low: float = 3, high: float = 55) -> None:
        faults = site.world.faults
        faults.list_fault = self.random.choice(LIST_FAULTS)
        faults.list_keeps = self.random.randint(0, max(0, len(site.world.sessions) - 1))
        faults.health_agrees = self.random.random() < 0.5
        site.lying_since = self.hub.clock.now

        def over() -> None:
            faults.list_fault, faults.health_agrees, site.lying_since = "", False, None
            site.touch()

        self._soon(low, high, over)

    def lie_long(self, site: Site) -> None:
        self.list_fault(site, low=60, high=400)

    def silence_webhooks(self, site: Site) -> None:
        faults = site.world.faults.webhooks
        faults.silent = site.webhooks_are_dead = True

        def over() -> None:
            faults.silent = site.webhooks_are_dead = False

        self._soon(300, 7200, over)

    def untidy_webhooks(self, site: Site) -> None:
        line = site.line
        line.lost, line.late, line.doubled, line.late_seconds = 0.2, 0.3, 0.3, 90.0

        def over() -> None:
            line.lost, line.late, line.doubled, line.late_seconds = 0.01, 0.02, 0.01, 40.0

        self._soon(300, 3600, over)

    def misdirect_webhooks(self, site: Site) -> None:
        site.line.elsewhere = self.random.choice([0.3, 1.0])

        def over() -> None:
            site.line.elsewhere = 0.0

        self._soon(120, 1800, over)

    def skew(self, site: Site) -> None:
        skew = self.random.choice([-20.0, 20.0, -200.0, 200.0, -900.0, 900.0])
        site.world.faults.webhooks.clock_skew_seconds = skew

        def over() -> None:
            site.world.faults.webhooks.clock_skew_seconds = 0.0

        self._soon(300, 3600, over)

    def lose_many(self, site: Site) -> None:
        """From three of them to all, at once and without a word."""
        sessions = list(site.world.sessions.values())
        share = self.random.choice([0.05, 0.3, 0.6, 1.0])
        most = min(len(sessions), max(3, int(len(sessions) * share)))
        lost = self.random.sample(sessions, most)
        for session in lost:
            self.lose(site, session)
        self.on_mass_loss(site, {session.session_id for session in lost})

    def answer_a_loss(self, site: Site) -> None:
        """An operator says what a mass loss is. Confirms only what is so."""
        waiting = losses.sessions_lost(site.gateway, losses.AWAITING)
        if not waiting:
            return
        held = [one for one in waiting if one in site.world.sessions]
        verb = losses.dismiss_loss if held else losses.confirm_loss
        with suppress(Refused):
            verb(site.gateway, actor="olga")

    # --- ourselves ------------------------------------------------------------------------------
    def kill_worker(self) -> None:
        self.worker.die()
        self._soon(2, 150, self.worker.come_back)

    def kill_beat(self) -> None:
        self.worker.beat_is_dead = True

        def over() -> None:
            self.worker.beat_is_dead = False

        self._soon(5, 200, over)

    def kill_redis(self) -> None:
        self.worker.lose_redis()
        self._soon(2, 120, self.worker.find_redis)

    def two_beats(self) -> None:
        self.worker.beats = 2

        def over() -> None:
            self.worker.beats = 1

        self._soon(600, 3600, over)

    def cut_the_network(self) -> None:
        """All gateways at once, for us alone."""
        for site in self.estate.sites:
            site.line.is_cut = True
            site.touch()

        def over() -> None:
            for site in self.estate.sites:
                site.line.is_cut = False
                site.touch()

        self._soon(5, 300, over)

    def untidy_queue(self) -> None:
        chances = self.worker.chances
        chances.twice, chances.late = 0.3, 0.5

        def over() -> None:
            chances.twice, chances.late = 0.01, 0.05

        self._soon(300, 3600, over)

    def web_down(self) -> None:
        for site in self.estate.sites:
            site.post.web_is_down = True

        def over() -> None:
            for site in self.estate.sites:
                site.post.web_is_down = False

        self._soon(2, 60, over)

    # --- people ---------------------------------------------------------------------------------
    def click(self, site: Site, session: SimulatedSession) -> None:
        what = self.random.choice(["restart", "restart", "want_stopped", "mark_disconnected"])
        account = Account.objects.filter(
            gateway=site.gateway, session_id=session.session_id
        ).select_related("gateway")
        found = account.first()
        if found is not None:
            self.note(f"{session.session_id}: somebody clicks {what}")
            self.hub.spawn(lambda: self._click(found, what), "click")

    def _click(self, account: Account, what: str) -> None:
        try:
            if what == "restart":
                lifecycle.restart(account, actor="olga")
            elif what == "mark_disconnected":
                lifecycle.mark_disconnected(account, why="so it is said", actor="olga")
            else:
                lifecycle.want(account, Wanted.STOPPED, actor="olga")
                self.hub.sleep(self.random.uniform(20, 1200))
                account = Account.objects.select_related("gateway").get(pk=account.pk)
                lifecycle.want(account, Wanted.RUNNING, actor="olga")
        except (Refused, GatewayError):
            pass  # what they are told is not what is tested here
