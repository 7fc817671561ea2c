"""Text from strangers, made safe for PostgreSQL, a log and a terminal."""

from __future__ import annotations

import re
import unicodedata

# Control, format (bidirectional overrides, zero-width), lone surrogates, line and paragraph marks.
_ESCAPED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})

# Long, and not of letters alone: not a path name, and perhaps a key.
_LIKE_A_KEY = re.compile(r"(?=.*[0-9]).{16,}", re.DOTALL)


def without_keys(path: str) -> str:
    """Return a path in which every part that may be a key is "…"."""
    parts = ("…" if _LIKE_A_KEY.fullmatch(part) else part for part in path.split("/"))
    return "/".join(parts)


def printable(text: str, *, limit: int) -> str:
    r"""Return `text` with every invisible or unstorable character as `\uXXXX`, at most `limit`
    long.

    A cut is marked with "…".
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
