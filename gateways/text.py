"""Strangers' text made harmless: what PostgreSQL, a log and a terminal can all take."""

from __future__ import annotations

import unicodedata

# Control, format (bidirectional overrides, zero-width), lone surrogates, line and paragraph marks.
_ESCAPED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def printable(text: str, *, limit: int) -> str:
    r"""`text` with every invisible or unstorable character as `\uXXXX`, at most `limit` long.

    What is cut off is marked with "…".
    """
    if len(text) > limit:
        # Cut before escaping (a stranger's text may be megabytes), and again after it.
        text = text[:limit] + "…"
    escaped = text if text.isascii() and text.isprintable() else "".join(map(_escaped, text))
    return escaped if len(escaped) <= limit else escaped[: limit - 1] + "…"


def _escaped(character: str) -> str:
    if unicodedata.category(character) not in _ESCAPED_CATEGORIES:
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
