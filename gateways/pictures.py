"""The picture of a QR code, as far as it is one: a key to somebody's WhatsApp, kept out of rows."""

from __future__ import annotations

import re

import msgspec

MAX_QR_BYTES = 64 * 1024
_ADDRESS = re.compile(rb'"(data:image/[a-z+.-]{1,20};base64,[A-Za-z0-9+/=]+)"')
_PNG = re.compile(rb'"(iVBORw0KGgo[A-Za-z0-9+/=]+)"')


def picture(raw: msgspec.Raw) -> str | None:
    """A data address, also of a bare PNG in base64; None where it is anything else."""
    view = memoryview(raw)
    if len(view) > MAX_QR_BYTES:
        return None
    if match := _ADDRESS.fullmatch(view):
        return match.group(1).decode("ascii")
    if match := _PNG.fullmatch(view):
        return "data:image/png;base64," + match.group(1).decode("ascii")
    return None
