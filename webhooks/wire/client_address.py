"""The address that a request came from. It proves nothing; it decides on whose account limits and
refusals are counted."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from functools import lru_cache

from django.conf import settings

NOWHERE = "0.0.0.0"


def client_address(meta: Mapping[str, object]) -> str:
    """Return the peer; if it is a trusted proxy, the last address that no trusted proxy wrote."""
    address = normal(str(meta.get("REMOTE_ADDR") or ""))
    forwarded = str(meta.get("HTTP_X_FORWARDED_FOR", "")).split(",")
    while forwarded and _is_trusted_proxy(address):
        written = normal(_without_port(forwarded.pop().strip()))
        if not written:
            break
        address = written
    return address or NOWHERE


def _is_trusted_proxy(address: str) -> bool:
    if not address or not settings.TRUSTED_PROXIES:
        return False
    networks = _networks(tuple(settings.TRUSTED_PROXIES))
    return any(ipaddress.ip_address(address) in network for network in networks)


@lru_cache(maxsize=4)
def _networks(
    texts: tuple[str, ...],
) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


def _without_port(text: str) -> str:
    """Remove the port: some proxies write `192.0.2.7:5678`, or `[2001:db8::1]:5678`."""
    if text.startswith("["):
        return text[1:].split("]", 1)[0]
    return text.rsplit(":", 1)[0] if text.count(":") == 1 else text


@lru_cache(maxsize=1024)
def normal(text: str) -> str:
    """Return one spelling for each address; "" for an invalid one. IPv4 in IPv6 becomes IPv4."""
    try:
        address = ipaddress.ip_address(text.split("%", 1)[0])
    except ValueError:
        return ""
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


@lru_cache(maxsize=1024)
def sender_of(address: str) -> str:
    """Return what one sender has for himself: of IPv6 that is a network of 64 bits."""
    found = ipaddress.ip_address(address)
    return address if found.version == 4 else str(ipaddress.ip_network((found, 64), strict=False))
