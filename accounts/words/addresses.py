"""Check the addresses that people type: of a gateway, or of a backend."""

from __future__ import annotations

from urllib.parse import urlsplit

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
