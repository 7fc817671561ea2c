"""The tables of docs/connecting-a-gateway.md, as the kinds themselves say it."""

from __future__ import annotations

import re
from collections.abc import Callable

from gateways.base import Capabilities, ProbeKind, Reason
from gateways.kind import GatewayKind
from gateways.registry import KINDS, capabilities_of

PROBES = {
    ProbeKind.NONE: "no",
    ProbeKind.HARMLESS: "harmless",
    ProbeKind.SEND: "a message that cannot go out",
}


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _steps(capabilities: Capabilities, reason: Reason) -> str:
    return ", ".join(capabilities.steps(reason)) or "nothing"


ROWS: dict[str, Callable[[Capabilities], str]] = {
    "a dead browser may look alive in its status": lambda can: _yes(can.status_is_cached),
    "its list asks each page": lambda can: _yes(can.list_is_probe),
    "a page that answers proves the connection": lambda can: (
        "no page" if can.probe is ProbeKind.NONE else _yes(can.page_proves)
    ),
    "a live page can be proved": lambda can: PROBES[can.probe],
    "can be stopped": lambda can: _yes(can.can_stop),
    "stopping keeps the login": lambda can: (
        "asked: it depends" if can.stop_keeps_login is None else _yes(can.stop_keeps_login)
    ),
    "can be logged out": lambda can: _yes(can.can_log_out),
    "shows its QR code when asked": lambda can: _yes(can.can_show_qr),
    "says since when it runs": lambda can: _yes(can.sees_boot),
    "reconnects by itself, for": lambda can: f"{can.own_retry_seconds} s",
    "a lost session is repaired by": lambda can: _steps(can, Reason.BROWSER_GONE),
    "one whose page hangs": lambda can: _steps(can, Reason.HUNG),
    "one whose page left WhatsApp": lambda can: _steps(can, Reason.PAGE_GONE),
}


def table() -> str:
    lines = ["| | " + " | ".join(f"`{kind}`" for kind in KINDS) + " |"]
    lines.append("|---" * (len(KINDS) + 1) + "|")
    for name, said in ROWS.items():
        cells = (said(capabilities_of(kind)) for kind in KINDS)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def row(kind: GatewayKind) -> str:
    """Make a row of the table of all kinds."""
    url = "`webhook_check --fix` sets it" if kind.subscriptions else f"{_short(kind)}: you set it"
    cells = (f"[`{kind.name}`](#{kind.name})", kind.title, _known_by(kind))
    return f"| {' | '.join(cells)} | {_yes(kind.client is not None)} | {url} |"


def _known_by(kind: GatewayKind) -> str:
    profile = kind.profile
    ways = {
        "signature": profile.signature is not None,
        "token": profile.token is not None,
        "key": bool(profile.key_headers),
    }
    return ", or ".join(way for way, is_one in ways.items() if is_one) or "a secret path"


def _short(kind: GatewayKind) -> str:
    """Shorten to where its URL stands, without what is set there."""
    return re.split(r" \(|[;,]", kind.url_kept)[0]
