"""How a kind of gateway proves who it is when it sends a webhook. Values only: `webhooks` reads and
checks them, over the raw bytes.

Whatever its kind, a gateway may also be sent to a path that only it knows.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Encoding(StrEnum):
    """How a signature is written into its header."""

    HEX = "hex"
    VERSIONED_BASE64 = "v1,<base64>"  # several, with spaces between them


def as_text(secret: str) -> bytes:
    return secret.encode()


def as_whsec(secret: str) -> bytes:
    """Base64 behind `whsec_`; padding may be missing. What is not base64 stands for itself."""
    encoded = secret.removeprefix("whsec_")
    try:
        padded = encoded + "=" * (-len(encoded) % 4)
        return base64.b64decode(padded, validate=True) or secret.encode()
    except (binascii.Error, ValueError):
        return secret.encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """An HMAC over the values of the headers named in `before_body`, each followed by `separator`,
    and then the raw body.

    `timestamp_header` holds unix seconds and must be one of them; "" where no header with a time
    is signed. `algorithm_header`, if it is sent, must name our algorithm.
    """

    header: str
    algorithm: str  # as hashlib calls it
    encoding: Encoding = Encoding.HEX
    before_body: tuple[str, ...] = ()
    separator: str = ""
    timestamp_header: str = ""
    algorithm_header: str = ""
    secret: Callable[[str], bytes] = as_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """`Authorization: Bearer` with a JWT (HS256) that holds these claims. For `late_seconds` after
    it has expired it is still believed."""

    claims: Mapping[str, str]
    late_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What may open the door, in this order: the signature if it is sent, a token, a key.

    `session_field` is where a body names its session: it narrows down whose secrets are worth
    trying. `replay_seconds`: how far the event's own time, which the body holds, may be from now.
    `cure` says what to set where nothing was sent.
    """

    cure: str
    session_field: str
    signature: Signature | None = None
    token: Token | None = None
    key_headers: tuple[str, ...] = ()
    id_header: str = ""
    address_header: str = ""  # not signed: a hint, never an address to call
    replay_seconds: int | None = None
