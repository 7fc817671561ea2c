"""The limits that WhatsApp sets for a number that stays connected, in words."""

from __future__ import annotations

from datetime import datetime

from gateways.base import MESSAGE_CAPPING, REACHOUT_TIMELOCK

_TOLD = {
    REACHOUT_TIMELOCK: (
        "WhatsApp lets it write to nobody who has not written first (reachout timelock, error 463)"
    ),
    MESSAGE_CAPPING: "WhatsApp lets it begin no more chats for now (message capping)",
}


def restriction_text(code: str, until: datetime | None, now: datetime) -> str:
    """Return the limit and its end in words; "" if there is none, or it is over."""
    if not is_restricted(code, until, now):
        return ""
    told = _TOLD.get(code, f"WhatsApp limits it ({code})")
    return f"{told}, until {until:%Y-%m-%d %H:%M} UTC" if until else told


def is_restricted(code: str, until: datetime | None, now: datetime) -> bool:
    return bool(code) and (until is None or until > now)
