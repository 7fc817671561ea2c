"""The picture of a QR code. It grants access to a WhatsApp account, and is kept out of rows."""

from __future__ import annotations

import base64
import binascii
import re

import msgspec
import segno

MAX_QR_BYTES = 64 * 1024
# The capacity of the largest QR code.
MAX_CODE_CHARACTERS = 2_900
MODULE_PIXELS = 6
_ADDRESS = re.compile(rb'"(data:image/[a-z+.-]{1,20};base64,[A-Za-z0-9+/=]+)"')
_PNG = re.compile(rb'"(iVBORw0KGgo[A-Za-z0-9+/=]+)"')
_PNG_ADDRESS = "data:image/png;base64,"
_PNG_BEGINS = b"\x89PNG\r\n\x1a\n"


def picture(raw: msgspec.Raw) -> str | None:
    """Return a data URL, also for a bare PNG in base64; None for anything else."""
    view = memoryview(raw)
    if len(view) > MAX_QR_BYTES:
        return None
    if match := _ADDRESS.fullmatch(view):
        return match.group(1).decode("ascii")
    if match := _PNG.fullmatch(view):
        return _PNG_ADDRESS + match.group(1).decode("ascii")
    return None


def address_of_png(png: bytes) -> str | None:
    """Return the data URL of a PNG's bytes; None if they are not a PNG, or too many."""
    if not png.startswith(_PNG_BEGINS) or len(png) > MAX_QR_BYTES:
        return None
    return _PNG_ADDRESS + base64.b64encode(png).decode("ascii")


def address_of_base64(text: str) -> str | None:
    """Return the data URL of a PNG in base64, with or without `data:image/png;base64,` before
    it; None if it is not one."""
    try:
        png = base64.b64decode(text.removeprefix(_PNG_ADDRESS), validate=True)
    except (binascii.Error, ValueError):
        return None
    return address_of_png(png)


def address_of_code(code: str) -> str | None:
    """Return the data URL of a QR code with this text; None if it is too long."""
    if not code or len(code) > MAX_CODE_CHARACTERS:
        return None
    try:
        return segno.make_qr(code, error="l").png_data_uri(scale=MODULE_PIXELS)
    except segno.DataOverflowError:
        return None
