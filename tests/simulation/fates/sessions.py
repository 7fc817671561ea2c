"""What befalls one session: its phone, its browser, its gateway's word of it."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from accounts.models import Account
from accounts.words.status import Status
from simulator.state.sessions import Browser, SimulatedSession, Truth
from simulator.world import faults
from simulator.world.world import Failure, ProcessState
from tests.simulation.estate import Site
from tests.simulation.fates.stage import Fates, Stage
from tests.simulation.troubles import FALLS_AGAIN, PAGE_HANGS, TAKEN
from tests.simulator.simulated import connected

# How often each happens to one account a day.
RATES = {
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
    "late_word": 0.3,
    "block": 0.05,
    "doom": 0.03,
    "twin": 0.03,
    "speak": 6.0,
}
FOR_GOOD = 10 * 86400.0
GATEWAY_RETRIES = 0.6  # of technical losses that it noticed


class ToSessions(Fates):
    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self._new_sessions = 0

    def lose(self, site: Site, session: SimulatedSession) -> None:
        faults.lose(site.world, session.session_id)
        self.heal_later(site, session)

    def crash_honest(self, site: Site, session: SimulatedSession) -> None:
        faults.crash(site.world, session.session_id, honest=True)
        self._retry_or_heal(site, session)

    def crash_silently(self, site: Site, session: SimulatedSession) -> None:
        """Crash invisibly: only traffic or a probe of the page shows it."""
        faults.crash(site.world, session.session_id, honest=False)
        self.heal_later(site, session)

    def hang(self, site: Site, session: SimulatedSession) -> None:
        faults.hang(site.world, session.session_id, honest=self.random.random() < 0.5)

        def wake() -> None:
            if session.browser is Browser.HUNG:
                session.browser = Browser.RUNNING
                if session.truth is Truth.CONNECTED:
                    session.status = "connected"
            site.touch()

        lasts = self.random.uniform(20, 900)
        self.stage.on_trouble(session.session_id, PAGE_HANGS, lasts)
        self.hub.after(lasts, wake, "fate")

    def unlink(self, site: Site, session: SimulatedSession) -> None:
        faults.unlink(site.world, session.session_id)
        number = session.phone_number
        if number:
            self.soon(60, 3600, lambda: self._scan(site, session.session_id, number))

    def navigate(self, site: Site, session: SimulatedSession) -> None:
        if session.is_alive:
            site.retries[session.session_id] = (session, self.hub.clock.now)
        faults.disconnect(site.world, session.session_id, reason="NAVIGATION")
        self._retry_or_heal(site, session)

    def conflict(self, site: Site, session: SimulatedSession) -> None:
        faults.disconnect(site.world, session.session_id, reason="CONFLICT")
        self.stage.on_trouble(session.session_id, TAKEN, 0)
        self.heal_later(site, session)

    def flap(self, site: Site, session: SimulatedSession) -> None:
        """Lost and back, several times."""

        def turn(left: int) -> None:
            if site.world.sessions.get(session.session_id) is not session or left == 0:
                return
            if session.truth is Truth.CONNECTED:
                faults.disconnect(site.world, session.session_id, reason="NAVIGATION")
            else:
                site.world.run(session, site.world.become_ready)
            site.touch()
            self.soon(0.5, 25, lambda: turn(left - 1))

        turn(2 * self.random.randint(1, 6))

    def replace(self, site: Site, session: SimulatedSession) -> None:
        """The number is scanned anew, under another session; the old one ends."""
        number = session.phone_number
        if not number or not session.is_alive:
            return
        self._new_sessions += 1
        fresh = f"{session.session_id.split('-')[0]}-{self._new_sessions}"
        if self.random.random() < 0.5:
            faults.disconnect(site.world, session.session_id, reason="LOGOUT")
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

        self.soon(0, 40, end)

    def claim_reconnected(self, site: Site, session: SimulatedSession) -> None:
        faults.claim_reconnected(site.world, session.session_id)

    def unlist(self, site: Site, session: SimulatedSession) -> None:
        session.listed = False

        def again() -> None:
            session.listed = True

        self.soon(5, 200, again)

    def say_disconnected(self, site: Site, session: SimulatedSession) -> None:
        """The gateway lies: it is alive."""
        if not session.is_alive:
            return
        session.status = "disconnected"

        def again() -> None:
            if session.truth is Truth.CONNECTED and session.browser is Browser.RUNNING:
                session.status = "connected"
            site.touch()

        self.soon(1, 120, again)

    def speak(self, site: Site, session: SimulatedSession) -> None:
        if session.is_alive:
            faults.speak(site.world, session.session_id)

    def late_word(self, site: Site, session: SimulatedSession) -> None:
        """Let it flicker; the gateway's report of that comes long after it is back."""
        if not session.is_alive:
            return
        webhooks = site.world.faults.webhooks
        webhooks.delay_seconds = self.random.uniform(1.5, 40)
        try:
            faults.disconnect(site.world, session.session_id, reason="NAVIGATION")
        finally:
            webhooks.delay_seconds = 0.0

        def again() -> None:
            site.world.run(session, site.world.become_ready)
            site.touch()

        self.soon(0.2, 1, again)

    def block(self, site: Site, session: SimulatedSession) -> None:
        """WhatsApp shuts the number out; later it is let in again, by a new scan."""
        number, session_id = session.phone_number, session.session_id
        faults.block(site.world, session_id)

        def register_anew() -> None:
            if site.world.state is not ProcessState.RUNNING or session_id in site.world.logins:
                return
            site.world.sessions.pop(session_id, None)
            site.touch()
            self._spawn_create(site, session)
            self.soon(20, 300, lambda: self._scan(site, session_id, number or ""))

        self.soon(1200, 5400, register_anew)

    def doom(self, site: Site, session: SimulatedSession) -> None:
        """Let it fail for a while whenever it is up, until all retries are used up."""
        lasts = self.random.uniform(300, 2400)
        ends = self.hub.clock.now + timedelta(seconds=lasts)
        self.stage.on_trouble(session.session_id, FALLS_AGAIN, lasts)

        def fall() -> None:
            held = site.world.sessions.get(session.session_id)
            if held is not None and held.is_alive:
                faults.lose(site.world, session.session_id)
                site.touch()
            if self.hub.clock.now < ends:
                self.soon(2, 20, fall)
            else:
                self.heal_later(site, session)

        fall()

    def twin(self, site: Site, session: SimulatedSession) -> None:
        """Run the same number in another workspace, on a session of its own."""
        others = [one for one in self.stage.estate.workspaces if one.pk != session.workspace_id]
        theirs, number = self.random.choice(others), session.phone_number
        has_it = Account.objects.filter(workspace=theirs, phone_number=number)
        if not number or not session.is_alive or has_it.exists():
            return
        self._new_sessions += 1
        fresh = f"webjs_{theirs.pk}_twin{self._new_sessions}"
        connected(site.world, fresh, workspace_id=theirs.pk, phone_number=number)
        self.stage.on_trouble(session.session_id, TAKEN, FOR_GOOD)
        now = self.hub.clock.now
        Account.objects.create(
            workspace=theirs,
            gateway=site.gateway,
            phone_number=number,
            session_id=fresh,
            status=Status.CONNECTED,
            status_since=now,
            observed_at=now,
            read_at=now,
            connected_at=now,
        )

    def _retry_or_heal(self, site: Site, session: SimulatedSession) -> None:
        if self.random.random() < GATEWAY_RETRIES:
            self.soon(4, 150, lambda: self._reconnect_itself(site, session))
        else:
            self.heal_later(site, session)

    def _reconnect_itself(self, site: Site, session: SimulatedSession) -> None:
        if site.world.sessions.get(session.session_id) is not session:
            return
        site.retries.pop(session.session_id, None)
        session.browser = Browser.RUNNING
        if session.session_id in site.world.logins:
            site.world.run(session, site.world.authenticate)
        site.touch()

    def heal_later(self, site: Site, session: SimulatedSession) -> None:
        self.soon(1200, 5400, lambda: self._start_anew(site, session))

    def _start_anew(self, site: Site, session: SimulatedSession) -> None:
        """Start its browser again at the gateway, by hand."""
        session_id, world = session.session_id, site.world
        now = world.sessions.get(session_id)
        if world.state is not ProcessState.RUNNING or session_id not in world.logins:
            return
        if now is not None and now.is_alive:
            return
        world.sessions.pop(session_id, None)
        site.touch()

        self._spawn_create(site, session)

    def _spawn_create(self, site: Site, session: SimulatedSession) -> None:
        def create() -> None:
            site.world.create(session.session_id, session.workspace_id)
            site.touch()

        self.hub.spawn(create, "gateway's own")

    def _scan(self, site: Site, session_id: str, number: str) -> None:
        with suppress(Failure):
            faults.scan(site.world, session_id, phone_number=number)
        site.touch()
