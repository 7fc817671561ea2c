"""Values from strangers: text made safe for PostgreSQL, a log and a terminal, and small fields out
of large JSON, typed and bounded, without copying the rest."""

from __future__ import annotations

import codecs
import math
import re
import unicodedata
from typing import TypeAlias

import msgspec

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


# --- small fields out of large JSON ---------------------------------------------------------------
MAX_ID_CHARACTERS = 255
MAX_TEXT_CHARACTERS = 200
MAX_FIELD_BYTES = 64 * 1024
MAX_WHOLE_NUMBER = 2**63 - 1  # the maximum of a bigint
_KEPT_STRING_BYTES = 128 * 1024
_UTF8_PIECE_BYTES = 1024 * 1024

_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
# Escapes from left to right, so that `\\ud800` (a backslash and "ud800") is told from `\ud800`.
_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
    rb"|\\.",
    re.DOTALL,
)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_LONE_ESCAPE_BYTES = len(rb"\ud800")


Body: TypeAlias = bytes | bytearray | memoryview


class WrongField(Exception):
    """A field whose meaning is not certain: which, and what is wrong with it."""


def require_utf8(raw: Body) -> None:
    """Raise WrongField if `raw` is not UTF-8; it is checked piece by piece."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    view = memoryview(raw)
    try:
        for start in range(0, len(raw), _UTF8_PIECE_BYTES):
            decoder.decode(view[start : start + _UTF8_PIECE_BYTES])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise WrongField("the body is not UTF-8") from None


def without_lone_surrogates(raw: Body) -> bytes | None:
    r"""Return `raw` with each lone `\ud800` spelled out as text, or None if it has none.

    JavaScript writes them when it cuts an emoji in two; strict decoders refuse the whole
    document. Long strings (media) are emptied on the way, so that the result is small.
    """
    return _STRING.sub(_mended_string, raw) if _SURROGATE.search(raw) else None


def _mended_string(match: re.Match[bytes]) -> bytes:
    if match.end() - match.start() > _KEPT_STRING_BYTES:
        return b'""'
    return _ESCAPE.sub(_mended_escape, match.group())


def _mended_escape(match: re.Match[bytes]) -> bytes:
    escape = match.group()
    is_lone = len(escape) == _LONE_ESCAPE_BYTES and escape[1:2] == b"u"
    return b"\\" + escape if is_lone else escape


def value_of(raw: msgspec.Raw, name: str) -> object:
    """Return the value of a small field; None if it is absent or null. Raise WrongField."""
    size = len(memoryview(raw))
    if size == 0:
        return None
    if size > MAX_FIELD_BYTES:
        raise WrongField(f"{name} is {size} bytes long, at most {MAX_FIELD_BYTES} are read")
    try:
        value: object = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise WrongField(f"{name} cannot be read") from None
    return value


def text_of(raw: msgspec.Raw, name: str, *, limit: int = MAX_TEXT_CHARACTERS) -> str:
    """Return a text, made printable and cut to `limit`; whole numbers count as their digits.

    "" if it is absent, null or blank. Raise WrongField for anything else.
    """
    return printable(_plain_text_of(raw, name).strip(" "), limit=limit)


def _plain_text_of(raw: msgspec.Raw, name: str) -> str:
    value = value_of(raw, name)
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise WrongField(f"{name} must be a text, not {named_type(value)}")
    return value


def id_of(raw: msgspec.Raw, name: str) -> str | None:
    """Return an identifier, whole: "Alice " is not "Alice", and one that is too long is refused.

    None if it is absent, null or blank. Raise WrongField.
    """
    plain = _plain_text_of(raw, name)
    text = printable(plain, limit=MAX_ID_CHARACTERS + 1) if plain.strip(" ") else ""
    if len(text) > MAX_ID_CHARACTERS:
        raise WrongField(f"{name} is longer than {MAX_ID_CHARACTERS} characters")
    return text or None


def whole_number_of(raw: msgspec.Raw, name: str) -> int | None:
    """Return a number such as 1, 1.0 or "1"; None if absent or null. Raise WrongField."""
    value = value_of(raw, name)
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        value = int(value.strip()[:20])
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise WrongField(f"{name} must be a whole number, not {named_type(value)}")
    if not 0 <= value <= MAX_WHOLE_NUMBER:
        raise WrongField(f"{name} is out of range")
    return value


def storable(raw: msgspec.Raw) -> object:
    """Return a plain value for jsonb; None if there is none or it is not plain."""
    try:
        value = value_of(raw, "")
    except WrongField:
        return None
    if isinstance(value, str):
        return printable(value, limit=MAX_TEXT_CHARACTERS)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int):
        return value if abs(value) <= MAX_WHOLE_NUMBER else None
    return None


def named_type(value: object) -> str:
    """Return JSON's name of a value's type."""
    if value is None:
        return "null"
    names = {bool: "true or false", str: "a text", list: "a list", dict: "an object"}
    return names.get(type(value), "a number")
