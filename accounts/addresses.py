"""Addresses: what is wrong with one that people type, and which may be called."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings

from gateways.wire import address_guard

LONGEST_URL = 500


def fault_of(url: str, *, instead_of_password: str) -> str:
    """Return what is wrong with an address; "" if it can be called."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        return str(error)
    if parts.scheme not in ("http", "https") or not host:
        return "it must begin with http:// or https:// and name a host"
    if parts.username is not None or parts.password is not None:
        return f"leave name and password out: {instead_of_password}"
    if "#" in url:
        return "leave out what follows #"
    if " " in url or not url.isascii() or not url.isprintable():
        return "it holds a space or a character that is not ASCII"
    return f"it is longer than {LONGEST_URL} characters" if len(url) > LONGEST_URL else ""


# --- what may be called ---------------------------------------------------------------------------
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def set_from_settings() -> None:
    networks = {
        address_guard.Whom.GATEWAY: settings.GATEWAY_NETWORKS,
        address_guard.Whom.FORWARD: settings.FORWARD_NETWORKS,
        address_guard.Whom.ALERT: settings.ALERT_NETWORKS,
    }
    address_guard.set_reach(
        address_guard.reach_of({str(whom): value for whom, value in networks.items()}, _own())
    )


def _own() -> list[tuple[str, int]]:
    """PostgreSQL, Redis, the web where its address is its own, and what the operator names. A
    proxy's address says nothing: gateways may live behind the same one."""
    database = settings.DATABASES["default"]
    own = [(str(database["HOST"]), int(database["PORT"] or 5432)), _place(settings.REDIS_URL, 6379)]
    host, port = _place(settings.PUBLIC_URL, 80)
    own += [(host, port)] if host in _LOOPBACK else []
    own += settings.NEVER_CALLED
    return [(host, port) for host, port in own if host and not host.startswith("/")]


def _place(url: str, port: int) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or port
