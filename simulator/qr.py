"""A picture that looks like a QR code but is none: no phone can be linked with it."""

from __future__ import annotations

import base64
import random
import string
import struct
import zlib

_MODULES = 29
_SCALE = 6
_MARGIN = 4
_FINDER = 7


def qr_picture(source: random.Random) -> str:
    """Return a PNG as a data URL."""
    rows = [_row(source, y) for y in range(-_MARGIN, _MODULES + _MARGIN)]
    pixels = b"".join((b"\0" + row) * _SCALE for row in rows)
    size = (_MODULES + 2 * _MARGIN) * _SCALE
    header = struct.pack(">IIBBBBB", size, size, 8, 0, 0, 0, 0)
    png = (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(pixels))
        + _chunk(b"IEND", b"")
    )
    return "data:image/png;base64," + base64.b64encode(png).decode()


def qr_text(source: random.Random) -> str:
    """Return a text in the form of a WhatsApp QR code."""
    letters = (source.choice(string.ascii_letters + string.digits + "+/") for _ in range(88))
    return f"2@{''.join(letters)},AQEBAQ==,AgICAg==,c3R1Yg==,1"


def png_of(address: str) -> bytes:
    """Return the bytes of a PNG data URL."""
    return base64.b64decode(address.partition(",")[2])


def _row(source: random.Random, y: int) -> bytes:
    modules = (_is_dark(source, x, y) for x in range(-_MARGIN, _MODULES + _MARGIN))
    return b"".join((b"\0" if dark else b"\xff") * _SCALE for dark in modules)


def _is_dark(source: random.Random, x: int, y: int) -> bool:
    if not (0 <= x < _MODULES and 0 <= y < _MODULES):
        return False
    far = _MODULES - _FINDER
    for left, top in ((0, 0), (far, 0), (0, far)):
        distance = max(abs(x - left - 3), abs(y - top - 3))  # rings of a finder pattern
        if distance <= 4:
            return distance in (0, 1, 3)
    return source.random() < 0.5


def _chunk(name: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(name + data)
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", checksum)
