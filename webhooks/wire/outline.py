"""The outline of an untrusted body: its field names and types, and the few values that identify
the event. No text of a message, no secret."""

from __future__ import annotations

import json
import re

import msgspec

# The field names that gateways use for event and session.
_TELLING = frozenset(
    {
        *("event", "dataType", "type", "session_id", "sessionId", "session", "instance"),
        *("status", "state", "reason"),
    }
)
# Deeper down the same names belong to a message.
_ENVELOPES = frozenset({"", "data", "payload"})
_PLAIN = re.compile(r"[A-Za-z0-9._:@-]{1,64}")
# A key that is not such a name (a number, a token) may be personal data.
_NAME = re.compile(r"[A-Za-z_]{1,40}")
_DEEPEST = 4
_MOST_NAMES = 40


def outline(beginning: bytes, *, size_bytes: int) -> str:
    """Return the outline as JSON; for a body that is cut or not JSON, its size and the names in
    it."""
    try:
        return json.dumps(_outlined(msgspec.json.decode(beginning), depth=0))[:4000]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        names = re.findall(rb'"([A-Za-z_]{1,40})"\s*:', beginning)[:_MOST_NAMES]
        known = ", ".join(dict.fromkeys(name.decode() for name in names))
        return f"{size_bytes} bytes, not readable as JSON" + (f"; names: {known}" if known else "")


def _outlined(value: object, *, depth: int, name: str = "", within: str | None = None) -> object:
    """Outline a value. `name` is the key of `value`, `within` the key of its container."""
    if isinstance(value, dict) and depth < _DEEPEST:
        some = list(value.items())[:_MOST_NAMES]
        is_envelope = depth < 2 and name in _ENVELOPES
        return {
            _named(key): _outlined(
                inner, depth=depth + 1, name=key, within=name if is_envelope else None
            )
            for key, inner in some
        }
    if isinstance(value, str):
        is_telling = within in _ENVELOPES and name in _TELLING and _PLAIN.fullmatch(value)
        return value if is_telling else f"({len(value)} characters)"
    if isinstance(value, list):
        return f"({len(value)} items)"
    return f"({type(value).__name__})"


def _named(key: str) -> str:
    return key if _NAME.fullmatch(key) else f"(a name of {len(key)} characters)"
