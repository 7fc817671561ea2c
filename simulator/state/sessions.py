"""What the simulated gateway holds: sessions in memory, logins on disk."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache


class Browser(StrEnum):
    """The Chromium of a session."""

    RUNNING = "running"
    DEAD = "dead"
    HUNG = "hung"
    CRASHED = "crashed"  # its tab is: that never answers again
    CLOSED = "closed"  # it runs, and its tab was closed
    AWAY = "away"  # its page has left WhatsApp


class Truth(StrEnum):
    """What a session's page really is, whatever the gateway says."""

    CONNECTING = "connecting"
    QR_SCANNING = "qr_scanning"
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    STOPPED = "stopped"  # by a call of the API; known by its name all the same


@dataclass(slots=True, kw_only=True)
class SimulatedSession:
    """One session in memory. `status` is what the gateway says of it, `truth` what is."""

    session_id: str
    workspace_id: int
    status: str
    truth: Truth
    last_activity: datetime
    browser: Browser = Browser.RUNNING
    phone_number: str | None = None
    lid: str | None = None  # WhatsApp's own id of it: then its page names it by that
    connected_at: datetime | None = None
    # False after a second "create" for a running session: observed on the Node service, its entry
    # is deleted, while its client lives on.
    listed: bool = True
    qr_count: int = 0
    is_starting: bool = True  # until its QR code or its login is known
    qr_text: str = ""  # what the QR code says, and its picture, where the kind shows them
    qr_picture: str = ""
    # A call that restarts or ends it hangs with its page; it goes on when that wakes up or dies.
    waiting_call: Callable[[], None] | None = None
    asked_at: datetime | None = None  # by a call of ours
    socket: str = ""  # the page's own word, where it is neither connected nor at a QR code

    @property
    def is_alive(self) -> bool:
        return self.browser is Browser.RUNNING and self.truth is Truth.CONNECTED

    @property
    def is_mute(self) -> bool:
        """Whoever asks its page waits in vain."""
        return self.browser in (Browser.HUNG, Browser.CRASHED)

    @property
    def own_user(self) -> str | None:
        """Its own id without a server, as the Node service takes it from its page."""
        return (self.lid or self.phone_number) if self.phone_number else None

    def own_id(self, server: str = "c.us") -> str:
        """Its own id, as its page or its socket has it."""
        return f"{self.own_user}@{self.own_server(server)}"

    def own_server(self, server: str = "c.us") -> str:
        return "lid" if self.lid else server

    def as_listed(self) -> dict[str, object]:
        """Its entry in the list. As JSON.stringify does, what is undefined is left out."""
        return {
            "session_id": self.session_id,
            "workspace_id": self.workspace_id,
            "status": self.status,
            "phone_number": self.own_user,
            **self._connected_at(),
        }

    def as_status(self) -> dict[str, object]:
        entry: dict[str, object] = {
            "session_id": self.session_id,
            "status": self.status,
            "phone_number": self.own_user,
        }
        if not self.listed:
            return {**entry, **self._connected_at()}
        return {
            **entry,
            "workspace_id": self.workspace_id,
            **self._connected_at(),
            "last_activity": iso(self.last_activity),
        }

    def as_truth(self) -> dict[str, object]:
        """For whoever plays with the simulator."""
        return {
            "session_id": self.session_id,
            "workspace_id": self.workspace_id,
            "phone_number": self.phone_number,
            "lid": self.lid,
            "says": self.status,
            "truth": self.truth.value,
            "browser": self.browser.value,
            "alive": self.is_alive,
            "listed": self.listed,
            "connected_at": iso(self.connected_at) if self.connected_at else None,
            "last_activity": iso(self.last_activity),
            "qr_count": self.qr_count,
        }

    def _connected_at(self) -> dict[str, object]:
        return {"connected_at": iso(self.connected_at)} if self.connected_at else {}


@dataclass(slots=True, kw_only=True)
class Login:
    """A session's files on disk: with them it reconnects without a scan."""

    session_id: str
    workspace_id: int
    phone_number: str
    lid: str | None = None


def message_id(source: random.Random, *, sent: bool) -> str:
    other = f"1555{source.randrange(10**7):07d}"
    return f"{str(sent).lower()}_{other}@c.us_3EB0{source.randrange(16**16):016X}"


@lru_cache(maxsize=65_536)  # a list says the same moments each time
def iso(moment: datetime) -> str:
    """As JavaScript writes it: milliseconds and a Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
