"""The registry of gateway kinds: one for each folder of `gateways/kinds/`."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from gateways import kinds
from gateways.base import CannotBeRead, Capabilities, Client
from gateways.kind import HEARD_ONLY, GatewayKind, MakesClient
from gateways.subscriptions import Subscriptions


class BadKind(Exception):
    """A folder that is not a valid gateway kind: which, and what is wrong with it."""


def discover() -> dict[str, GatewayKind]:
    """Return all kinds by name, the default one first. Raise BadKind."""
    found = [_kind_in(folder) for place in kinds.__path__ for folder in _folders(Path(place))]
    if sum(kind.is_default for kind in found) != 1:
        raise BadKind("exactly one kind of gateway must be the default one")
    found.sort(key=lambda kind: (not kind.is_default, kind.name))
    return {kind.name: kind for kind in found}


def _folders(place: Path) -> Iterator[Path]:
    """Yield the folders with sources: caches of a removed kind may be left."""
    for folder in place.iterdir():
        if folder.is_dir() and folder.name.isidentifier() and any(folder.glob("*.py")):
            yield folder


def _kind_in(folder: Path) -> GatewayKind:
    module = f"{kinds.__name__}.{folder.name}.kind"
    if not (folder / "kind.py").is_file():
        raise BadKind(f"{folder} is no kind of gateway: it has no kind.py")
    try:
        kind = getattr(importlib.import_module(module), "KIND", None)
    except Exception as error:
        raise BadKind(f"{folder} is no kind of gateway: {error}") from error
    if not isinstance(kind, GatewayKind):
        raise BadKind(f"{folder} is no kind of gateway: its kind.py must set KIND to a GatewayKind")
    if kind.name != folder.name:
        raise BadKind(f"{folder} holds a kind that is called {kind.name!r}: they must agree")
    return kind


KINDS: Mapping[str, GatewayKind] = discover()


def default_kind() -> GatewayKind:
    """Return the kind that is used if none is named."""
    return next(iter(KINDS.values()))


def clients() -> dict[str, MakesClient]:
    """Return the kinds that can be read, with their clients."""
    return {name: kind.client for name, kind in KINDS.items() if kind.client}


def require_readable(kind: str) -> None:
    """Raise CannotBeRead if this kind has no client."""
    _client_of(kind)


def _client_of(kind: str) -> MakesClient:
    client = KINDS[kind].client if kind in KINDS else None
    if client is None:
        raise CannotBeRead(
            f"gateways of kind {kind} cannot be read yet: only their webhooks are heard, so that "
            "nothing they say can be confirmed"
        )
    return client


def capabilities_of(kind: str) -> Capabilities:
    """Return the abilities of this kind; none for an unknown kind."""
    return KINDS[kind].capabilities if kind in KINDS else HEARD_ONLY


def client_for(kind: str, base_url: str, *, api_key: str) -> Client:
    """Return a client of one gateway; cheap to make, connections are shared.

    Raise ValueError for an unknown kind, CannotBeRead for one without a client.
    """
    if kind not in KINDS:
        raise ValueError(f"no gateway kind {kind!r}; known: {', '.join(KINDS)}")
    return _client_of(kind)(base_url, api_key=api_key, transport=_transport_for(base_url))


def subscriptions_of(kind: str, base_url: str, *, api_key: str) -> Subscriptions | None:
    """Return the webhook settings of one gateway; None for a kind without such an API."""
    make = KINDS[kind].subscriptions
    if make is None:
        return None
    return make(base_url, api_key=api_key, transport=_transport_for(base_url))


_transports: dict[str, httpx.BaseTransport] = {}


@contextmanager
def use_transport(base_url_prefix: str, transport: httpx.BaseTransport) -> Iterator[None]:
    """Route every gateway whose base URL has this prefix over `transport`, in all threads: for
    tests with a simulator."""
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
