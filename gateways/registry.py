"""Which kinds of gateway there are: what their webhooks say, and who speaks to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

import httpx

from gateways import base, subscriptions
from gateways.kinds.evolution import client, webhooks
from gateways.kinds.evolution import subscriptions as evolution_subscriptions
from gateways.kinds.standard import webhooks as standard
from gateways.kinds.waha import (
    client as waha_calls,
)
from gateways.kinds.waha import (
    subscriptions as waha_subscriptions,
)
from gateways.kinds.waha import (
    webhooks as waha,
)
from gateways.kinds.webjs import kind as webjs
from gateways.kinds.webjs import words
from gateways.kinds.wppconnect import client as wppconnect_calls
from gateways.kinds.wppconnect import webhooks as wppconnect
from gateways.kinds.wwebjs_api import client as wwebjs_api_calls
from gateways.kinds.wwebjs_api import webhooks as wwebjs_api
from gateways.profiles import Profile
from gateways.wire.json_fields import Body


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How a kind's webhooks are trusted and read. `weak` names its events that show activity but do
    not prove the live client."""

    kind: str
    profile: Profile
    parse: Callable[[Body], base.Event]
    weak: frozenset[str]


DIALECTS: Mapping[str, Dialect] = {
    webjs.KIND: Dialect(kind=webjs.KIND, profile=webjs.PROFILE, parse=webjs.parse, weak=words.WEAK),
    **{
        module.KIND: Dialect(
            kind=module.KIND, profile=module.PROFILE, parse=module.parse, weak=module.WEAK
        )
        for module in (wwebjs_api, waha, webhooks, wppconnect, standard)
    },
}
KINDS = tuple(DIALECTS)
ClientType: TypeAlias = (
    type[webjs.Client]
    | type[wwebjs_api_calls.Client]
    | type[waha_calls.Client]
    | type[client.Client]
    | type[wppconnect_calls.Client]
)
CLIENTS: Mapping[str, ClientType] = {
    webjs.KIND: webjs.Client,
    wwebjs_api.KIND: wwebjs_api_calls.Client,
    waha.KIND: waha_calls.Client,
    webhooks.KIND: client.Client,
    wppconnect.KIND: wppconnect_calls.Client,
}

# A kind that nobody can call: all we know of it is what it pushes.
HEARD_ONLY = base.Capabilities(
    status_is_cached=True,
    list_is_probe=False,
    probe=base.ProbeKind.NONE,
    stop_keeps_login=False,
    can_stop=False,
    can_log_out=False,
    can_show_qr=False,
    sees_boot=False,
    own_retry_seconds=0,
    ladder={},
)

_transports: dict[str, httpx.BaseTransport] = {}


def require_readable(kind: str) -> None:
    """Raises CannotBeRead where nobody speaks to this kind."""
    if kind not in CLIENTS:
        raise base.CannotBeRead(
            f"gateways of kind {kind} cannot be read yet: only their webhooks are heard, so that "
            "nothing they say can be confirmed"
        )


def capabilities_of(kind: str) -> base.Capabilities:
    """What gateways of this kind can do; of one that has no client, nothing."""
    return CLIENTS[kind].capabilities if kind in CLIENTS else HEARD_ONLY


def client_for(kind: str, base_url: str, *, api_key: str) -> base.Client:
    """A client of one gateway; cheap to make, connections are shared. Raises ValueError for an
    unknown kind, CannotBeRead for one that has no client."""
    if kind not in KINDS:
        raise ValueError(f"no gateway kind {kind!r}; known: {', '.join(KINDS)}")
    require_readable(kind)
    return CLIENTS[kind](base_url, api_key=api_key, transport=_transport_for(base_url))


def subscriptions_of(
    kind: str, base_url: str, *, api_key: str
) -> subscriptions.Subscriptions | None:
    """Where one gateway is told to send its webhooks; None for a kind that does not tell it."""
    transport = _transport_for(base_url)
    if kind == waha.KIND:
        return waha_subscriptions.Subscriptions(base_url, api_key=api_key, transport=transport)
    if kind == webhooks.KIND:
        return evolution_subscriptions.Subscriptions(base_url, api_key=api_key, transport=transport)
    return None


@contextmanager
def use_transport(base_url_prefix: str, transport: httpx.BaseTransport) -> Iterator[None]:
    """Inside, every gateway whose base URL starts so is reached over `transport`, in all threads:
    tests put a simulator there."""
    before = _transports.get(base_url_prefix)
    _transports[base_url_prefix] = transport
    try:
        yield
    finally:
        if before is None:
            _transports.pop(base_url_prefix, None)
        else:
            _transports[base_url_prefix] = before


def _transport_for(base_url: str) -> httpx.BaseTransport | None:
    fitting = [prefix for prefix in list(_transports) if base_url.startswith(prefix)]
    return _transports[max(fitting, key=len)] if fitting else None
