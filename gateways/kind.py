"""The value that defines a gateway kind: everything that Rollcall knows of it by its name.

`gateways/kinds/<name>/kind.py` holds it as `KIND`; `gateways.registry` finds it there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import httpx

from gateways.base import Capabilities, Client, Event, ProbeKind, Reason
from gateways.profiles import Profile
from gateways.subscriptions import Subscriptions
from gateways.wire.untrusted import Body

# A path segment, a word in a command, and at most as long as its database column.
NAME = re.compile(r"[a-z][a-z0-9_]{0,29}")
# Types of a JSON schema; ANYTHING if senders may send any.
TEXT, OBJECT, ANYTHING = "string", "object", ""

# A kind without a client: we know only its webhooks.
HEARD_ONLY = Capabilities(
    status_is_cached=True,
    list_is_probe=False,
    probe=ProbeKind.NONE,
    stop_keeps_login=False,
    can_stop=False,
    can_log_out=False,
    can_show_qr=False,
    sees_boot=False,
    own_retry_seconds=0,
    ladder={},
)


class MakesClient(Protocol):
    """A class of clients."""

    capabilities: Capabilities

    def __call__(
        self, base_url: str, *, api_key: str, transport: httpx.BaseTransport | None = None
    ) -> Client: ...


class MakesSubscriptions(Protocol):
    """A class that reads and sets one gateway's subscriptions."""

    def __call__(
        self, base_url: str, *, api_key: str, transport: httpx.BaseTransport | None = None
    ) -> Subscriptions: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookBody:
    """The shape of a webhook body: the type of each field, and the required ones.

    `event_field` names the event. `event(name, now)` makes a body for a session that does not
    exist, which Rollcall sends through a gateway's route to test it.
    """

    event_field: str
    fields: Mapping[str, str]
    required: tuple[str, ...]
    event: Callable[[str, datetime], dict[str, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayKind:
    """One kind of gateway.

    `title` is its name for people. `weak`: its events that show activity but do not prove the
    live client. `url_setting`: the setting for its webhooks, with {url} or {path} in it;
    `url_kept`: the place of that setting, for a kind without `subscriptions`. `wrong_paths`:
    paths that shipped versions use instead, and `wrong_path_hint` what to know about those.
    `event_segments`: the path segments that its gateways may add for an event.
    `session_recipe`: a command that creates a session at such a gateway. `is_default`: used if
    no kind is named. `asks_us`: its gateways also make the calls below /api/whatsapp/.
    `restore_failure`: the code for the words of a session that it could not restore.
    """

    name: str
    title: str
    profile: Profile
    parse: Callable[[Body], Event]
    weak: frozenset[str]
    body: WebhookBody
    url_setting: str
    url_kept: str = ""
    client: MakesClient | None = None
    subscriptions: MakesSubscriptions | None = None
    wrong_paths: tuple[str, ...] = ()
    wrong_path_hint: str = ""
    event_segments: tuple[str, ...] = ()
    session_recipe: str = ""
    is_default: bool = False
    asks_us: bool = False
    restore_failure: Callable[[str], Reason] = lambda said: Reason.RESTORE_FAILED

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ValueError(
                f"a kind cannot be called {self.name!r}: at most 30 small letters, digits and _"
            )
        if not (self.subscriptions or self.url_kept):
            raise ValueError("one without subscriptions must say where its URL stands: url_kept")

    @property
    def capabilities(self) -> Capabilities:
        """Return the abilities of its gateways; none for a kind without a client."""
        return self.client.capabilities if self.client else HEARD_ONLY
