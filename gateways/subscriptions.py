"""Where a gateway is told to send its webhooks, for the kinds whose API tells it. The others keep
it where only their operator can look.

A subscription holds secrets and, with a path of a gateway's own, its URL is one: never print it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """One URL that a session's webhooks are sent to, and what goes with them.

    `missing`: events without which states go unseen. `adds_event`: the event's name is put behind
    the URL. `secret` signs, `key` is sent along.
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
class Wanted:
    """What a subscription shall be: the URL, and what its webhooks shall be known by."""

    url: str = field(repr=False)
    secret: str = field(default="", repr=False)
    key: str = field(default="", repr=False)


class Subscriptions(Protocol):
    """What is configured at one gateway. Each call raises GatewayError."""

    restarts: bool
    """True where a change stops and starts a running session."""
    has_room_for_one: bool
    """True where a session has one URL: setting ours takes another's place."""

    def read(self, *, deadline_seconds: float) -> tuple[list[Subscriber], int]:
        """The sessions, and how many of them there was no time to read."""
        ...

    def write(
        self, session_id: str, wanted: Wanted, *, instead_of: str | None, deadline_seconds: float
    ) -> None:
        """`instead_of`: the URL of the one that becomes ours; None: a new one. What else is
        configured stays."""
        ...
