"""The differences between gateway kinds outside their API: webhooks sent, and faults noticed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Protocol, TypeAlias

from gateways.profiles import Profile
from gateways.signing import headers_for
from simulator.state.host import Host
from simulator.state.sessions import Login, SimulatedSession, Truth
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


Body: TypeAlias = dict[str, object]
Bodies: TypeAlias = Iterable[Body]


class Behaviour:
    """The webhooks of one kind, and its reactions to events in the world.

    Methods of the first half return webhook bodies, none if the kind sends no webhook for the
    event. Methods of the second half change the world; its lock is held.
    """

    kind: str
    # A start answers when the QR code or the login is known; the session is listed only then.
    start_waits = False
    # A stopped session stays known by its name.
    keeps_names = False
    has_browser = True
    # A process start restores every login on disk, including those of stopped sessions.
    restores_logins = False
    restores_one_by_one = True
    # Seconds from a page leaving WhatsApp until the whole process dies of it; None: it survives.
    dies_of_lost_page_seconds: float | None = None
    # A repeated webhook is signed again, so that it looks fresh.
    signs_each_attempt = False

    def starting(self, session: SimulatedSession) -> Bodies:
        return ()

    def draw_qr(self, session: SimulatedSession, source: random.Random) -> None:
        """Draw a new QR code, if the kind offers one for reading."""

    def qr_shown(self, session: SimulatedSession, source: random.Random) -> Bodies:
        return ()

    def authenticated(self, session: SimulatedSession) -> Bodies:
        return ()

    def ready(self, session: SimulatedSession, now: datetime) -> Bodies:
        return ()

    def lost(self, session: SimulatedSession, reason: str) -> Bodies:
        return ()

    def stopped(self, session: SimulatedSession) -> Bodies:
        """Return the webhooks for a stop by an API call."""
        return ()

    def logged_out(self, session: SimulatedSession) -> Bodies:
        """Return the webhooks for a logout by an API call: stopped, and the login deleted."""
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
        """Return the body with the fields that all webhooks of the kind share."""
        return dict(body)

    def headers(
        self, settings: Settings, body: bytes, *, wrong: bool, key_only: bool, now: datetime
    ) -> dict[str, str]:
        """Return the headers of a webhook. `wrong`: signed with a secret that is not ours."""
        raise NotImplementedError

    def retry_after(self, status: int | None, attempt: int) -> float | None:
        """Return the seconds until the next try, or None for no retry.

        `status` is the answer to attempt number `attempt` (from 0), None if there was no answer.
        """
        return None

    def disconnect(self, world: Stage, session: SimulatedSession, reason: str) -> None:
        """End the session by WhatsApp or its page, for `reason`."""
        session.status, session.truth = "disconnected", Truth.DISCONNECTED
        world.tell(self.lost(session, reason))
        world.changed()

    def unlink(self, world: Stage, session: SimulatedSession) -> None:
        """Unlink the session from the phone. Its login is already gone."""
        self.disconnect(world, session, "LOGOUT")
        world.later(world.settings.pace.qr_after_logout, session, world.show_qr)

    def browser_died(self, world: Stage, session: SimulatedSession) -> None:
        """React to the death of the session's browser, or of its tab."""

    def qr_expired(self, world: Stage, session: SimulatedSession) -> None:
        """React to a QR code that nobody scanned. Most kinds draw another one."""
        world.show_qr(session)

    def page_came_back(self, world: Stage, session: SimulatedSession) -> None:
        """React to a page that returned to WhatsApp in time."""


def proof_of_sender(
    profile: Profile,
    settings: Settings,
    body: bytes,
    *,
    wrong: bool,
    key_only: bool,
    now: datetime,
) -> Mapping[str, str]:
    """Return the headers that authenticate this kind, with all secrets that it has."""
    return headers_for(
        profile,
        body,
        hmac_secret="" if key_only else "not-the-secret" if wrong else settings.hmac_secret,
        api_key="not-the-key" if wrong else settings.api_key,
        event_id="",
        now=now,
    )
