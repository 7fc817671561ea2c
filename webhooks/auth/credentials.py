"""The credentials in a request's headers, checked before anything is read or hashed."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from gateways.profiles import Encoding, Profile, Signature
from gateways.wire.untrusted import MAX_ID_CHARACTERS
from webhooks.auth.clock_skew import TOLERANCE_SECONDS, require_recent
from webhooks.auth.untrusted import Untrusted

LONGEST_KEY = 500
LONGEST_TOKEN = 4096
# One for each secret that a sender signs with while it rotates secrets, and some spare.
MOST_SIGNATURES = 16
_HEX = re.compile(r"[0-9a-fA-F]+")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_EVENT_ID = re.compile(r"[\x21-\x2d\x2f-\x7e]{1,255}")  # visible, without a dot


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """The credentials of one request.

    One of: signatures over `signed` and the body, a token, a key; or nothing, if the path names
    the sender. `instance_url` is only a hint.
    """

    signatures: tuple[bytes, ...] = field(default=(), repr=False)
    signed: bytes = b""  # hashed before the body
    algorithm: str = "sha256"
    token: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    key_header: str = ""
    instance_url: str = ""
    event_id: str | None = None
    off_seconds: float | None = None  # of the signed time, where a header holds one


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """What was signed, as a digest, and how far its time is from now where a header says it."""

    digest: str
    off_seconds: float | None

    @classmethod
    def of(cls, before_body: bytes, body_digest: str, off_seconds: float | None) -> Signed:
        digest = hashlib.sha256(before_body + b"\n" + body_digest.encode()).hexdigest()
        return cls(digest=digest, off_seconds=off_seconds)


def read_credentials(
    meta: Mapping[str, object], profile: Profile, *, now_seconds: float, path_is_enough: bool
) -> Credentials:
    """Return the credentials in WSGI's variables. A signature takes precedence over a key. Raise
    Untrusted."""
    instance_url = _header(meta, profile.address_header).rstrip("/")
    event_id = _event_id(meta, profile)
    if profile.signature and _variable(profile.signature.header) in meta:
        return Credentials(
            signatures=_signatures(meta, profile.signature),
            signed=_signed(meta, profile.signature, now_seconds),
            off_seconds=_off_seconds(meta, profile.signature, now_seconds),
            algorithm=profile.signature.algorithm,
            instance_url=instance_url,
            event_id=event_id,
        )
    header, key = _key(meta, profile)
    if profile.token and (bearer := _bearer(meta)):
        if bearer.count(".") == 2:
            return Credentials(token=bearer, instance_url=instance_url, event_id=event_id)
        header, key = "Authorization", bearer  # a key in the bearer header
    if not key and not path_is_enough:
        raise Untrusted("no_credentials", nothing_sent(profile))
    return Credentials(key=key, key_header=header, instance_url=instance_url, event_id=event_id)


def with_our_names(meta: Mapping[str, object], profile: Profile) -> Mapping[str, object]:
    """Return WSGI's variables with headers of the profile's other prefix under our names. Where
    one has our name already, nothing is renamed: no signature may be put together from two."""
    if profile.other_prefix is None:
        return meta
    theirs, ours = (_variable(prefix) for prefix in profile.other_prefix)
    if any(name.startswith(ours) for name in meta):
        return meta
    renamed = {
        ours + name.removeprefix(theirs): value
        for name, value in meta.items()
        if name.startswith(theirs)
    }
    return {**meta, **renamed}


def nothing_sent(profile: Profile) -> str:
    """Return the credentials that this kind can send, none of which came, and the setting for
    them."""
    ways = list(profile.key_headers)
    if profile.token:
        ways.insert(0, "Authorization: Bearer")
    if profile.signature:
        timestamp = profile.signature.timestamp_header
        ways.insert(0, f"{profile.signature.header}{f' with {timestamp}' if timestamp else ''}")
    if not ways:
        return f"nothing says who speaks: {profile.cure}"
    named = f"neither {' nor '.join(ways)} was" if len(ways) > 1 else f"{ways[0]} was not"
    return f"{named} sent: {profile.cure}"


def _signatures(meta: Mapping[str, object], signature: Signature) -> tuple[bytes, ...]:
    text = _header(meta, signature.header)
    said = _header(meta, signature.algorithm_header).lower()
    if said and said != signature.algorithm:
        raise Untrusted(
            "other_algorithm",
            f"{signature.algorithm_header} must be {signature.algorithm}: no other is believed",
        )
    if signature.encoding is Encoding.VERSIONED_BASE64:
        return _versioned(text, signature)
    size = hashlib.new(signature.algorithm).digest_size
    if len(text) != 2 * size or not _HEX.fullmatch(text):
        raise Untrusted(
            "malformed_signature",
            f"{signature.header} must be the {2 * size} hex digits of an "
            f"HMAC-{signature.algorithm.upper()}",
        )
    return (bytes.fromhex(text),)


def _versioned(text: str, signature: Signature) -> tuple[bytes, ...]:
    """Return the version 1 signatures of a space-separated list; others are ignored."""
    size = hashlib.new(signature.algorithm).digest_size
    found = []
    for part in text.split(" ")[:MOST_SIGNATURES]:
        version, _, encoded = part.partition(",")
        try:
            digest = base64.b64decode(encoded, validate=True) if version == "v1" else b""
        except (binascii.Error, ValueError):
            continue
        if len(digest) == size:
            found.append(digest)
    if not found:
        raise Untrusted(
            "malformed_signature",
            f"{signature.header} must hold at least one v1,<base64 of an "
            f"HMAC-{signature.algorithm.upper()}>",
        )
    return tuple(found)


def _signed(meta: Mapping[str, object], signature: Signature, now_seconds: float) -> bytes:
    if signature.timestamp_header:
        _check_timestamp(signature.timestamp_header, meta, now_seconds)
    missing = [header for header in signature.before_body if not _header(meta, header)]
    if missing:
        raise Untrusted("malformed_signature", f"{missing[0]} is missing: it is signed, too")
    parts = [_header(meta, header) + signature.separator for header in signature.before_body]
    return "".join(parts).encode("latin-1", "replace")


def _off_seconds(
    meta: Mapping[str, object], signature: Signature, now_seconds: float
) -> float | None:
    """Seconds between a timestamp, which was checked before, and now."""
    header = signature.timestamp_header
    return int(_header(meta, header)) - now_seconds if header else None


def _check_timestamp(header: str, meta: Mapping[str, object], now_seconds: float) -> None:
    timestamp = _header(meta, header)
    if not _TIMESTAMP.fullmatch(timestamp):
        raise Untrusted("malformed_timestamp", f"{header} must be whole seconds since 1970")
    require_recent(int(timestamp) - now_seconds, tolerance_seconds=TOLERANCE_SECONDS)


def _event_id(meta: Mapping[str, object], profile: Profile) -> str | None:
    """Return the event id. A dot in it is refused: the id is signed with a dot behind it, so a
    dot inside would shift the signed fields."""
    if not profile.id_header or _variable(profile.id_header) not in meta:
        return None
    event_id = _header(meta, profile.id_header)
    if not _EVENT_ID.fullmatch(event_id):
        raise Untrusted(
            "malformed_id",
            f"{profile.id_header} must be 1 to {MAX_ID_CHARACTERS} visible characters without a "
            "dot",
        )
    return event_id


def _bearer(meta: Mapping[str, object]) -> str:
    scheme, _, token = _header(meta, "Authorization").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        return ""
    if len(token) > LONGEST_TOKEN:
        raise Untrusted("malformed_token", "the bearer token is longer than any of a gateway's")
    return token.strip()


def _key(meta: Mapping[str, object], profile: Profile) -> tuple[str, str]:
    """Return the first key that was sent, and its header."""
    for header in profile.key_headers:
        key = _header(meta, header)
        if len(key) > LONGEST_KEY:
            raise Untrusted("malformed_key", f"{header} is longer than any key of ours")
        if key:
            return header, key
    return "", ""


def _header(meta: Mapping[str, object], header: str) -> str:
    return str(meta.get(_variable(header), "")).strip() if header else ""


def _variable(header: str) -> str:
    return "HTTP_" + header.upper().replace("-", "_")
