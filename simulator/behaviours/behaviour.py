"""What kinds of gateway differ in when nobody asks them: their webhooks, and what they notice."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TypeAlias

from gateways.profiles import Profile
from gateways.signing import headers_for
from simulator.behaviours.stage import Stage
from simulator.state.sessions import SimulatedSession, Truth
from simulator.state.settings import Settings

Body: TypeAlias = dict[str, object]
Bodies: TypeAlias = Iterable[Body]


class Behaviour:
    """The first half is said by webhook: a method gives the bodies, none where the kind is silent.
    The second half is done to the world, whose lock is held."""

    kind: str
    # Its start answers when the QR code or the login is known, and shows the session only then.
    start_waits = False
    # A session that was stopped stays known by its name.
    keeps_names = False
    has_browser = True
    # At a start of the process: every login on disk, what had been stopped as well.
    restores_logins = False
    restores_one_by_one = True
    # So long after a page has left WhatsApp the whole process dies of it; None: it does not.
    dies_of_lost_page_seconds: float | None = None
    # What is sent again is signed again, so that it looks fresh.
    signs_each_attempt = False

    def starting(self, session: SimulatedSession) -> Bodies:
        return ()

    def draw_qr(self, session: SimulatedSession, source: random.Random) -> None:
        """A new code, where the kind can be asked for it."""

    def qr_shown(self, session: SimulatedSession, source: random.Random) -> Bodies:
        return ()

    def authenticated(self, session: SimulatedSession) -> Bodies:
        return ()

    def ready(self, session: SimulatedSession, now: datetime) -> Bodies:
        return ()

    def lost(self, session: SimulatedSession, reason: str) -> Bodies:
        return ()

    def stopped(self, session: SimulatedSession) -> Bodies:
        """By a call of its API."""
        return ()

    def logged_out(self, session: SimulatedSession) -> Bodies:
        """The same, with the login gone."""
        return self.stopped(session)

    def reconnected(self, session: SimulatedSession, now: datetime) -> Bodies:
        return ()

    def gave_up(self, session: SimulatedSession, now: datetime) -> Bodies:
        return ()

    def error(self, session: SimulatedSession, error: str) -> Bodies:
        return ()

    def message(
        self,
        session: SimulatedSession,
        *,
        now: datetime,
        source: random.Random,
        sent: bool,
        megabytes: float,
    ) -> Bodies:
        return ()

    def acknowledgement(
        self, session: SimulatedSession, now: datetime, source: random.Random
    ) -> Bodies:
        return ()

    def stamped(self, body: Mapping[str, object], now: datetime, source: random.Random) -> Body:
        """A body with what is the same in all of them."""
        return dict(body)

    def headers(
        self, settings: Settings, body: bytes, *, wrong: bool, key_only: bool, now: datetime
    ) -> dict[str, str]:
        """What is sent along with a body. `wrong`: by a secret that is not ours."""
        raise NotImplementedError

    def retry_after(self, status: int | None, attempt: int) -> float | None:
        """Seconds until it sends again, after `attempt` (from 0) was answered so, or not at all
        (None); None: never again."""
        return None

    def disconnect(self, world: Stage, session: SimulatedSession, reason: str) -> None:
        """WhatsApp or the page ends it, for `reason`."""
        session.status, session.truth = "disconnected", Truth.DISCONNECTED
        world.tell(self.lost(session, reason))
        world.changed()

    def unlink(self, world: Stage, session: SimulatedSession) -> None:
        """By the phone; its login is gone already."""
        self.disconnect(world, session, "LOGOUT")
        world.later(world.settings.pace.qr_after_logout, session, world.show_qr)

    def browser_died(self, world: Stage, session: SimulatedSession) -> None:
        """Its browser is dead, or its tab is: what the gateway makes of it."""

    def qr_expired(self, world: Stage, session: SimulatedSession) -> None:
        """Nobody scanned it: as a rule there is another."""
        world.show_qr(session)

    def page_came_back(self, world: Stage, session: SimulatedSession) -> None:
        """To WhatsApp, in time."""


def proof_of_sender(
    profile: Profile,
    settings: Settings,
    body: bytes,
    *,
    wrong: bool,
    key_only: bool,
    now: datetime,
) -> Mapping[str, str]:
    """The headers by which this kind proves who it is, with all secrets that it has."""
    return headers_for(
        profile,
        body,
        hmac_secret="" if key_only else "not-the-secret" if wrong else settings.hmac_secret,
        api_key="not-the-key" if wrong else settings.api_key,
        event_id="",
        now=now,
    )
