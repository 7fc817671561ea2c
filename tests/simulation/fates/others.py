"""What befalls a session of another kind than the Node service: the same names, by what that kind
was seen to do, or says that it does. None of them tells of a crash as the Node service may."""

from __future__ import annotations

from contextlib import suppress

from simulator.state.sessions import SimulatedSession, Truth
from simulator.world import faults
from simulator.world.world import Failure, ProcessState
from tests.simulation.estate import Site
from tests.simulation.fates.sessions import ToSessions

# After these an Evolution instance reconnects in silence.
PASSING_CODES = ("408", "428", "440", "500", "503", "515")
# Whose word is a variable, so that it can be wrong about a session that lives.
HAS_A_WORD = frozenset({"waha", "wppconnect"})


# What was stopped there stays known by its name.
KEEPS_NAMES = frozenset({"waha", "evolution"})


class ToOtherSessions(ToSessions):
    def lose(self, site: Site, session: SimulatedSession) -> None:
        """Deleted by somebody, or only stopped; without a word."""
        if site.kind.name in KEEPS_NAMES and self.random.random() < 0.5:
            with site.world.lock:
                site.world.put_to_rest(session)
            self.heal_later(site, session)
        else:
            super().lose(site, session)

    def crash_honest(self, site: Site, session: SimulatedSession) -> None:
        """Crash the tab, or the page in it."""
        what = self.random.choice(["crash_tab", "close_tab", "leave"])
        self.stage.note(f"{session.session_id}: {what}")
        getattr(faults, what)(site.world, session.session_id)
        if what == "leave":
            self.soon(2, 60, lambda: self._resume(site, session))
        self.heal_later(site, session)

    def hang(self, site: Site, session: SimulatedSession) -> None:
        faults.hang(site.world, session.session_id, honest=False)
        self.soon(20, 900, lambda: self._resume(site, session))

    def _resume(self, site: Site, session: SimulatedSession) -> None:
        if site.world.sessions.get(session.session_id) is session:
            with suppress(Failure):  # it is gone for good
                faults.resume(site.world, session.session_id)
        site.touch()

    def unlink(self, site: Site, session: SimulatedSession) -> None:
        number = session.phone_number
        faults.unlink(site.world, session.session_id)
        if number:
            self.soon(60, 3600, lambda: self._link_anew(site, session, number))

    def navigate(self, site: Site, session: SimulatedSession) -> None:
        self._lose_to(site, session, "NAVIGATION")

    def conflict(self, site: Site, session: SimulatedSession) -> None:
        self._lose_to(site, session, "CONFLICT")

    def flap(self, site: Site, session: SimulatedSession) -> None:
        """Interrupt its network: the page may come back by itself."""
        faults.disconnect(site.world, session.session_id, reason="TIMEOUT")

        def back() -> None:
            is_there = site.world.sessions.get(session.session_id) is session
            if is_there and session.socket == "TIMEOUT":
                faults.disconnect(site.world, session.session_id, reason="CONNECTED")
            site.touch()

        self.soon(0.5, 100, back)
        self.heal_later(site, session)

    def claim_reconnected(self, site: Site, session: SimulatedSession) -> None:
        """WhatsApp is not behind it any more, and nothing shows it."""
        faults.deafen(site.world, session.session_id)
        self.heal_later(site, session)

    def unlist(self, site: Site, session: SimulatedSession) -> None:
        if site.kind.name != "wwebjs_api":  # its list is all that it holds
            super().unlist(site, session)

    def say_disconnected(self, site: Site, session: SimulatedSession) -> None:
        if site.kind.name in HAS_A_WORD:
            super().say_disconnected(site, session)

    def late_word(self, site: Site, session: SimulatedSession) -> None:
        """The Node service's, as its webhooks are: here the network comes and goes."""
        self.flap(site, session)

    def block(self, site: Site, session: SimulatedSession) -> None:
        """Block the number. It is not known how these kinds report it."""

    def twin(self, site: Site, session: SimulatedSession) -> None:
        """Link a session of the same name as one of the Node service's."""

    def _lose_to(self, site: Site, session: SimulatedSession, reason: str) -> None:
        is_evolution = site.kind.name == "evolution"
        said = self.random.choice(PASSING_CODES) if is_evolution else reason
        faults.disconnect(site.world, session.session_id, reason=said)
        self.heal_later(site, session)

    def _link_anew(self, site: Site, session: SimulatedSession, number: str) -> None:
        """Scan the code; start the session first if it shows none."""
        world, session_id = site.world, session.session_id
        now = world.sessions.get(session_id)
        if world.state is not ProcessState.RUNNING or (now is not None and now.is_alive):
            return

        def scan() -> None:
            if now is None or now.truth is not Truth.QR_SCANNING:
                world.sessions.pop(session_id, None)
                world.create(session_id, session.workspace_id)
            self._scan(site, session_id, number)

        self.hub.spawn(scan, "gateway's own")
