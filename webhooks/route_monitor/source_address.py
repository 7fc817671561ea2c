"""The gateway that a source address belongs to.

An address proves nothing; it only decides for which gateway a refusal is counted, and
whose large messages are handed on before their end.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.http import HttpRequest

from accounts.models import Gateway
from webhooks.wire.client_address import NOWHERE, client_address, normal

RESOLVED_FOR_SECONDS = 60.0
# For all names together: a name server that hangs must not delay the monitor.
RESOLVED_WITHIN_SECONDS = 3.0
_resolved: dict[str, tuple[float, frozenset[str]]] = {}
_lock = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """The source of a request. `instance_url` and `kind` are its own claims: they choose among
    several gateways at one address, and nothing else."""

    address: str
    instance_url: str = ""
    kind: str = ""


def owners_of(senders: Sequence[Sender]) -> list[int | None]:
    """Return, for each, the one gateway whose registered address it came from."""
    if not senders:
        return []
    gateways = list(Gateway.objects.values_list("pk", "kind", "base_url"))
    hosts = {pk: urlsplit(base_url).hostname or "" for pk, _, base_url in gateways}
    addresses = _addresses_of(hosts.values())
    at: dict[str, list[tuple[int, str, str]]] = {}
    for gateway in gateways:
        for address in addresses[hosts[gateway[0]]]:
            at.setdefault(address, []).append(gateway)
    return [_chosen(at.get(sender.address, []), sender) for sender in senders]


def comes_from(address: str, base_urls: Iterable[str]) -> bool:
    """Return whether one of these addresses of gateways is on that machine."""
    hosts = {urlsplit(base_url).hostname or "" for base_url in base_urls}
    return any(address in addresses for addresses in _addresses_of(hosts).values())


def _chosen(there: list[tuple[int, str, str]], sender: Sender) -> int | None:
    """Choose among several gateways on one machine: by the claimed address, else by the kind of
    the path."""
    if len(there) > 1:
        named = sender.instance_url.rstrip("/")
        there = [one for one in there if one[2].rstrip("/") == named] or (
            [] if named else [one for one in there if one[1] == sender.kind]
        )
    return there[0][0] if len(there) == 1 else None


def _addresses_of(hosts: Iterable[str]) -> dict[str, frozenset[str]]:
    """Resolve the hosts. One that cannot be resolved in time keeps its former addresses."""
    literal = {host: normal(host) for host in set(hosts)}
    names = [host for host, address in literal.items() if host and not address]
    _resolve([name for name in names if _is_stale(name)])
    with _lock:
        known = {name: _resolved.get(name, (0.0, frozenset()))[1] for name in names}
    found = {host: frozenset({address}) for host, address in literal.items() if host not in known}
    return {host: those - {"", NOWHERE, "::"} for host, those in (found | known).items()}


def _is_stale(name: str) -> bool:
    with _lock:
        resolved_at, _ = _resolved.get(name, (float("-inf"), frozenset()))
    return time.monotonic() - resolved_at > RESOLVED_FOR_SECONDS


def _resolve(names: Sequence[str]) -> None:
    if not names:
        return
    pool = ThreadPoolExecutor(max_workers=16, thread_name_prefix="names")
    asked: dict[Future[frozenset[str]], str] = {pool.submit(_lookup, name): name for name in names}
    answered, _ = wait(asked, timeout=RESOLVED_WITHIN_SECONDS)
    pool.shutdown(wait=False, cancel_futures=True)
    with _lock:
        for future, name in asked.items():
            before = _resolved.get(name, (0.0, frozenset()))[1]
            addresses = future.result() if future in answered else before
            _resolved[name] = (time.monotonic(), addresses)


def _lookup(name: str) -> frozenset[str]:
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return frozenset()
    return frozenset(normal(str(entry[4][0])) for entry in found)


def address_of(request: HttpRequest) -> str:
    """The peer, or what a trusted proxy says of it."""
    return client_address(request.META)
