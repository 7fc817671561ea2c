"""The state of the simulated gateway: sessions in memory, logins on disk."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache


class Browser(StrEnum):
    """The state of a session's Chromium."""

    RUNNING = "running"
    DEAD = "dead"
    HUNG = "hung"
    CRASHED = "crashed"  # the tab crashed: it never answers again
    CLOSED = "closed"  # Chromium runs, the tab was closed
    AWAY = "away"  # the page has left WhatsApp


class Truth(StrEnum):
    """The real state of a session's page, whatever the gateway reports."""

    CONNECTING = "connecting"
    QR_SCANNING = "qr_scanning"
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    STOPPED = "stopped"  # by an API call; the name stays known


@dataclass(slots=True, kw_only=True)
class SimulatedSession:
    """One session in memory. `status` is what the gateway reports, `truth` the real state."""

    session_id: str
    workspace_id: int
    status: str
    truth: Truth
    last_activity: datetime
    browser: Browser = Browser.RUNNING
    phone_number: str | None = None
    lid: str | None = None  # WhatsApp's own id; if set, the page reports it, not the number
    connected_at: datetime | None = None
    # False after a second "create" for a running session: observed on the Node service. The entry
    # is deleted while the client lives on.
    listed: bool = True
    qr_count: int = 0
    is_starting: bool = True  # until the QR code or the login is known
    qr_text: str = ""  # content of the QR code; its picture follows, for kinds that show them
    qr_picture: str = ""
    # A call that restarts or ends the session hangs with its page; it continues when the page wakes
    # up or dies.
    waiting_call: Callable[[], None] | None = None
    asked_at: datetime | None = None  # time of the last API call for it
    # WPPConnect's status after an unlink: it stays at the QR code, whatever is scanned.
    keeps_saying_qrcode: bool = False
    socket: str = ""  # the page's own state, if neither connected nor at a QR code

    @property
    def is_alive(self) -> bool:
        return self.browser is Browser.RUNNING and self.truth is Truth.CONNECTED

    @property
    def is_mute(self) -> bool:
        """Return whether a request to the page would get no answer."""
        return self.browser in (Browser.HUNG, Browser.CRASHED)

    @property
    def own_user(self) -> str | None:
        """Return the own id without a server, as the Node service reads it from the page."""
        return (self.lid or self.phone_number) if self.phone_number else None

    def own_id(self, server: str = "c.us") -> str:
        """Return the own id as the page or the socket has it."""
        return f"{self.own_user}@{self.own_server(server)}"

    def own_server(self, server: str = "c.us") -> str:
        return "lid" if self.lid else server

    def as_listed(self) -> dict[str, object]:
        """Return the list entry. Undefined fields are omitted, as JSON.stringify does."""
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
        """Return the real state, for the control interface."""
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
    """A session's files on disk. With them it reconnects without a scan."""

    session_id: str
    workspace_id: int
    phone_number: str
    lid: str | None = None


def message_id(source: random.Random, *, sent: bool) -> str:
    other = f"1555{source.randrange(10**7):07d}"
    return f"{str(sent).lower()}_{other}@c.us_3EB0{source.randrange(16**16):016X}"


@lru_cache(maxsize=65_536)  # a list repeats the same times
def iso(moment: datetime) -> str:
    """Return the time as JavaScript writes it: with milliseconds and a Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
