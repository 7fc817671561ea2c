"""Which addresses may be called, asked at the moment of connecting: of the resolved address, which
is the one that is then connected to, so that no name, spelling or second answer of a name server
leads elsewhere.

Standard library only: the process that sends alerts runs without anything else of ours.
"""

from __future__ import annotations

import ipaddress
import socket
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
# Where clouds answer with a machine's credentials, beside link-local.
_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254")
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_COMPATIBLE = ipaddress.ip_network("::/96")


class Whom(StrEnum):
    """What is called, for which the settings name networks of its own."""

    GATEWAY = "GATEWAY_NETWORKS"
    FORWARD = "FORWARD_NETWORKS"
    ALERT = "ALERT_NETWORKS"
    OURSELVES = ""  # our own web, to test a route


@dataclass(frozen=True, slots=True)
class Reach:
    """`networks`: what beside public addresses may be called, for each. `own`: host and port of our
    own services, which are never called."""

    networks: dict[Whom, tuple[Network, ...]] = field(default_factory=dict)
    own: tuple[tuple[str, int], ...] = ()

    def refusal(self, address: str, port: int, whom: Whom) -> str:
        """Say why the address is not called; "" if it may be."""
        if whom is Whom.OURSELVES:
            return ""
        parsed = _parsed(address)
        if parsed is None:
            return "what is no address is not called"
        if wrong := _never(parsed):
            return f"{address} is never called: {wrong}"
        if self._is_own(parsed, port):
            return f"{address}:{port} is never called: it is a service of Rollcall's own"
        if parsed.is_global or any(parsed in network for network in self.networks.get(whom, ())):
            return ""
        return f"{address} is not public, and not in {whom} (docs/settings.md)"

    def _is_own(self, address: Address, port: int) -> bool:
        return any(port == own_port and _is_same(address, host) for host, own_port in self.own)


_reach = Reach()


def set_reach(reach: Reach) -> None:
    """Set what the whole process may call; until then only public addresses are called."""
    global _reach
    _reach = reach


def reach() -> Reach:
    return _reach


def reach_of(settings: dict[str, Iterable[str]], own: Iterable[tuple[str, int]]) -> Reach:
    """`settings` by the names in `Whom`."""
    networks = {
        whom: tuple(ipaddress.ip_network(text, strict=False) for text in settings[whom])
        for whom in Whom
        if whom in settings
    }
    return Reach(networks, tuple((host, int(port)) for host, port in own))


def _parsed(text: str) -> Address | None:
    """Parse an address without its zone, as the IPv4 address that it stands for, if it does."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
    if inner is None and (address in _NAT64 or (address in _COMPATIBLE and int(address) > 1)):
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return inner or address


def _never(address: Address) -> str:
    if address.is_link_local or address in _METADATA:
        return "a machine's metadata may answer there"
    if address.is_unspecified or address.is_multicast:
        return "it is nobody's own address"
    if address.is_reserved and not address.is_private:
        return "it is reserved"
    return ""


def _is_same(address: Address, host: str) -> bool:
    """Return whether `host` is at `address`; for a service on this machine, at any address of
    it."""
    places = _places(host)
    if address in places:
        return True
    return any(_is_here(place) for place in places) and _is_here(address)


def _places(host: str) -> set[Address]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return set()
    return {place for entry in found if (place := _parsed(str(entry[4][0]))) is not None}


def _is_here(address: Address) -> bool:
    """Return whether it is an address of this machine: only such can be bound to."""
    if address.is_loopback or address.is_unspecified:
        return True
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return True


# --- for a process that is about to run code of others -------------------------------------------
class NotCalled(OSError):
    """The guard's word, which may be shown."""


@dataclass(slots=True)
class Guard:
    """`refused`: the last refusal, since libraries lose its words."""

    refused: str = ""


def refuse_in_this_process(
    reach: Reach, whom: Whom, *, also: Iterable[tuple[str, int]] = ()
) -> Guard:
    """Ask about every connection of this process from here on, whatever library makes it. `also`:
    hosts and ports that are called all the same, such as a proxy that the operator has set."""
    guard = Guard()
    allowed = {(place, port) for host, port in also for place in _places(host)}

    def ask(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in ("socket.connect", "socket.sendto"):
            return
        target = arguments[1]
        if not isinstance(target, tuple):
            raise NotCalled("only addresses of a network are called")
        address, port = str(target[0]), int(target[1])
        if (_parsed(address), port) in allowed or _is_resolver(port, arguments[0]):
            return
        if wrong := reach.refusal(address, port, whom):
            guard.refused = wrong
            raise NotCalled(wrong)

    sys.addaudithook(ask)
    return guard


def _is_resolver(port: int, connection: Any) -> bool:
    """A name server's is asked by datagrams, where a library asks by itself."""
    return port == 53 and getattr(connection, "type", None) == socket.SOCK_DGRAM
