"""Which client speaks to which kind of gateway."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx

from gateways import base, webjs

CLIENTS: Mapping[str, type[webjs.Client]] = {"webjs": webjs.Client}
KINDS = tuple(CLIENTS)

_transports: dict[str, httpx.BaseTransport] = {}


def client_for(kind: str, base_url: str, *, api_key: str) -> base.Client:
    """A client of one gateway; cheap to make, connections are shared. Raises ValueError for an
    unknown kind."""
    if kind not in CLIENTS:
        raise ValueError(f"no gateway kind {kind!r}; known: {', '.join(KINDS)}")
    return CLIENTS[kind](base_url, api_key=api_key, transport=_transport_for(base_url))


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
