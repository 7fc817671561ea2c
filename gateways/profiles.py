"""The credentials of each gateway kind's webhooks. Values only: `webhooks` reads and checks
them, over the raw bytes.

A gateway of any kind may also use a secret path of its own.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Encoding(StrEnum):
    """The format of a signature in its header."""

    HEX = "hex"
    VERSIONED_BASE64 = "v1,<base64>"  # several, separated by spaces


def as_text(secret: str) -> bytes:
    return secret.encode()


def no_fault(secret: str) -> str:
    return ""


_WHSEC = re.compile(r"(?:v1,)?whsec_")
_ASYMMETRIC = re.compile(r"(?:v1a,)?wh[sp]k_")


def as_whsec(secret: str) -> bytes:
    """Decode base64 behind `whsec_` (or `v1,whsec_`); padding may be missing. Other text is used
    as it is."""
    return _base64(_WHSEC.sub("", secret, count=1)) or secret.encode()


def fault_of_whsec(secret: str) -> str:
    """Say why a secret in the specification's format cannot be decoded; "" if it can, or is in
    another format. Many libraries take such a secret, and silently sign with other bytes."""
    if _ASYMMETRIC.match(secret):
        return "it is a key of an asymmetric signature (v1a); a shared secret, whsec_…, is needed"
    if _WHSEC.match(secret) and not _base64(_WHSEC.sub("", secret, count=1)):
        return "what follows whsec_ must be base64 with the characters A-Z a-z 0-9 + / and ="
    return ""


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """An HMAC over the headers in `before_body`, each followed by `separator`, and the raw body.

    `timestamp_header` holds unix seconds and must be one of them; "" if no time header is
    signed. `algorithm_header`, if it is sent, must name our algorithm. `fault_of_secret` says why
    a secret cannot be used; "" if it can.
    """

    header: str
    algorithm: str  # as hashlib calls it
    encoding: Encoding = Encoding.HEX
    before_body: tuple[str, ...] = ()
    separator: str = ""
    timestamp_header: str = ""
    algorithm_header: str = ""
    secret: Callable[[str], bytes] = as_text
    fault_of_secret: Callable[[str], str] = no_fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """`Authorization: Bearer` with a JWT (HS256) that holds these claims. It is accepted for
    `late_seconds` after its expiry."""

    claims: Mapping[str, str]
    late_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The accepted credentials, in this order: the signature if it is sent, a token, a key.

    `session_field` is the body's field for the session: it narrows down the secrets to try.
    `replay_seconds`: the maximum distance of the event's own time, in the body, from now. `cure`
    names the setting if no credential was sent. `other_prefix`: (theirs, ours), if some senders
    begin the names of their headers otherwise.
    """

    cure: str
    session_field: str
    signature: Signature | None = None
    token: Token | None = None
    key_headers: tuple[str, ...] = ()
    id_header: str = ""
    address_header: str = ""  # not signed: a hint, never an address to call
    replay_seconds: int | None = None
    other_prefix: tuple[str, str] | None = None
