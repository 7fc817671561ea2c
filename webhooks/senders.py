"""Where a request came from, and whose address that is. An address proves nothing; it only says in
whose name a refusal may be counted."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

from django.conf import settings

from accounts.models import Gateway

RESOLVED_FOR_SECONDS = 60.0
NOWHERE = "0.0.0.0"
_resolved: dict[str, tuple[float, frozenset[str]]] = {}
_lock = threading.Lock()


def client_address(meta: Mapping[str, object]) -> str:
    """The peer, unless it is a trusted proxy: then the last address that no trusted proxy wrote."""
    address = str(meta.get("REMOTE_ADDR") or "")
    forwarded = str(meta.get("HTTP_X_FORWARDED_FOR", "")).split(",")
    while address in settings.TRUSTED_PROXIES and forwarded:
        address = forwarded.pop().strip()
    return _normal(address) or NOWHERE


def gateway_at(address: str, instance_url: str = "") -> int | None:
    """The one gateway whose registered address this is. Of several on one machine the address that
    the request says it has may choose."""
    there = [
        (pk, base_url)
        for pk, base_url in Gateway.objects.values_list("pk", "base_url")
        if address in _addresses_of(urlsplit(base_url).hostname or "")
    ]
    if len(there) > 1:
        there = [(pk, base_url) for pk, base_url in there if base_url == instance_url.rstrip("/")]
    return there[0][0] if len(there) == 1 else None


def _addresses_of(host: str) -> frozenset[str]:
    if literal := _normal(host):
        return frozenset({literal})
    with _lock:
        resolved_at, addresses = _resolved.get(host, (float("-inf"), frozenset()))
    if time.monotonic() - resolved_at > RESOLVED_FOR_SECONDS:
        addresses = _resolve(host)
        with _lock:
            _resolved[host] = (time.monotonic(), addresses)
    return addresses


def _resolve(host: str) -> frozenset[str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return frozenset()
    return frozenset(_normal(str(entry[4][0])) for entry in found) - {""}


def _normal(text: str) -> str:
    """One spelling for each address; "" for what is none. IPv4 in IPv6 reads as IPv4."""
    try:
        address = ipaddress.ip_address(text.split("%", 1)[0])
    except ValueError:
        return ""
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)
