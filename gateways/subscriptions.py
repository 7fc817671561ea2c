"""Where a gateway is told to send its webhooks, for the kinds whose API tells it. The others keep
it where only their operator can look: `KEPT_ELSEWHERE`.

A subscription holds secrets and, with a path of a gateway's own, its URL is one: never print it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

# What to set, for each kind: `url` is the whole of it, `path` what follows the host.
SETTINGS: Mapping[str, str] = {
    "webjs": "WEBHOOK_ENDPOINT={path} in its .env",
    "wwebjs_api": "BASE_WEBHOOK_URL={url} in its environment",
    "waha": "the URL {url} in its sessions (webhook_check --fix does), or as WHATSAPP_HOOK_URL",
    "evolution": "the URL {url} in its instances (webhook_check --fix does), or as "
    "WEBHOOK_GLOBAL_URL",
    "wppconnect": "WEBHOOK_URL={url} with its own token behind it",
    "standard": "the URL {url} where it sends",
}
KEPT_ELSEWHERE: Mapping[str, str] = {
    "webjs": "in the Node service's .env (BACKEND_URL and WEBHOOK_ENDPOINT), or in its source "
    "where the path is hard-coded; no call tells it",
    "wwebjs_api": "in its environment (BASE_WEBHOOK_URL, or <SESSION>_WEBHOOK_URL for one "
    "session), which is read when a session starts; no call tells or sets it",
    "wppconnect": "in its environment (WEBHOOK_URL), or came with the call that started the "
    "session (`webhook` of start-session); no call tells it",
    "standard": "with whoever sends; there is no call that tells it",
}


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
