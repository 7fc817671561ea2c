"""The webhook settings at a gateway, for the kinds with an API for them. For the others only the
operator can look.

A subscription contains secrets, and a gateway's own path makes its URL one: never print it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """One URL for a session's webhooks, with its settings.

    `missing`: events without which states are not seen. `adds_event`: the event's name is
    appended to the URL. `secret` signs, `key` is sent along.
    """

    url: str = field(repr=False)
    is_on: bool = True
    missing: tuple[str, ...] = ()
    adds_event: bool = False
    secret: str = field(default="", repr=False)
    key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """One session with its subscriptions. `is_running`: a change may disturb it."""

    session_id: str
    is_running: bool
    subscriptions: tuple[Subscription, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedSubscription:
    """The settings that a subscription should have: the URL, and the credentials of its
    webhooks."""

    url: str = field(repr=False)
    secret: str = field(default="", repr=False)
    key: str = field(default="", repr=False)


class Subscriptions(Protocol):
    """The webhook settings at one gateway. Each call raises GatewayError."""

    restarts: bool
    """True where a change stops and starts a running session."""
    has_room_for_one: bool
    """True where a session has one URL: setting ours takes another's place."""

    def read(self, *, deadline_seconds: float) -> tuple[list[Subscriber], int]:
        """Return the sessions, and the number of those that there was no time to read."""
        ...

    def write(
        self,
        session_id: str,
        wanted: WantedSubscription,
        *,
        instead_of: str | None,
        deadline_seconds: float,
    ) -> None:
        """Write ours. `instead_of`: the URL to replace; None: add one. All other settings stay."""
        ...
