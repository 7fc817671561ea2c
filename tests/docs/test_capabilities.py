"""docs/connecting-a-gateway.md says of each kind what its client says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gateways.base import Capabilities, ProbeKind, Reason
from gateways.registry import KINDS, capabilities_of

PAGE = (Path(__file__).parents[2] / "docs" / "connecting-a-gateway.md").read_text()
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
    "a live page can be proved": lambda can: PROBES[can.probe],
    "can be stopped": lambda can: _yes(can.can_stop),
    "stopping keeps the login": lambda can: _yes(can.stop_keeps_login),
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


def test_the_table_says_what_the_clients_say() -> None:
    assert table() in PAGE
