"""The one value that makes a kind of gateway: all that Rollcall knows of it by its name.

`gateways/kinds/<name>/kind.py` holds it as `KIND`; `gateways.registry` finds it there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import httpx

from gateways.base import Capabilities, Client, Event, ProbeKind
from gateways.profiles import Profile
from gateways.subscriptions import Subscriptions
from gateways.wire.json_fields import Body

# A segment of a path, a word in a command, and at most as long as the column that keeps it.
NAME = re.compile(r"[a-z][a-z0-9_]{0,29}")
# Types of a JSON schema; ANYTHING where whoever sends it may send any.
TEXT, OBJECT, ANYTHING = "string", "object", ""

# A kind without a client: all we know of it is what it pushes.
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
    """The shape of a webhook's body: the type of each field, and those that it must have.

    `event_field` says which event it is. `event(name, now)` makes a body about nobody's session,
    as Rollcall sends it through a gateway's route to test it.
    """

    event_field: str
    fields: Mapping[str, str]
    required: tuple[str, ...]
    event: Callable[[str, datetime], dict[str, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayKind:
    """One kind of gateway.

    `title` names it for people. `weak`: its events that show activity but do not prove the live
    client. `url_setting`: what to set so that its webhooks arrive, with {url} or {path} in it;
    `url_kept`: where that stands, of a kind without `subscriptions`. `wrong_paths`: where shipped
    versions send to instead, and `wrong_path_hint` what to know about those. `session_recipe`: a
    command that creates a session at such a gateway. `is_default`: meant where none is named.
    `asks_us`: its gateways also make the calls below /api/whatsapp/.
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
    session_recipe: str = ""
    is_default: bool = False
    asks_us: bool = False

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ValueError(
                f"a kind cannot be called {self.name!r}: at most 30 small letters, digits and _"
            )
        if not (self.subscriptions or self.url_kept):
            raise ValueError("one without subscriptions must say where its URL stands: url_kept")

    @property
    def capabilities(self) -> Capabilities:
        """What its gateways can do; of one that has no client, nothing."""
        return self.client.capabilities if self.client else HEARD_ONLY
