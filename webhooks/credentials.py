"""What a request says of itself in its headers, checked before anything is read or hashed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from gateways import webjs

TOLERANCE_SECONDS = 300
_SIGNATURE = re.compile(r"[0-9a-fA-F]{64}")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
LONGEST_KEY = 500


class Untrusted(Exception):
    """Credentials that cannot be right: `code` for counting, the text for a human."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Either a signature with its timestamp, or a key. `instance_url` is only a hint."""

    signature: bytes = field(default=b"", repr=False)
    timestamp: str = ""
    key: str = field(default="", repr=False)
    instance_url: str = ""


def read_credentials(meta: Mapping[str, object], *, now_seconds: float) -> Credentials:
    """From WSGI's variables. A signature decides even beside a key. Raises Untrusted."""
    signature = _header(meta, webjs.SIGNATURE_HEADER)
    instance_url = _header(meta, webjs.INSTANCE_HEADER).rstrip("/")
    if _present(meta, webjs.SIGNATURE_HEADER):
        timestamp = _header(meta, webjs.TIMESTAMP_HEADER)
        if not _SIGNATURE.fullmatch(signature):
            raise Untrusted(
                "malformed_signature",
                f"{webjs.SIGNATURE_HEADER} must be the 64 hex digits of an HMAC-SHA256",
            )
        _check_timestamp(timestamp, now_seconds)
        return Credentials(
            signature=bytes.fromhex(signature), timestamp=timestamp, instance_url=instance_url
        )
    key = _header(meta, webjs.KEY_HEADER)
    if not key:
        raise Untrusted(
            "no_credentials",
            f"neither {webjs.SIGNATURE_HEADER} with {webjs.TIMESTAMP_HEADER} nor "
            f"{webjs.KEY_HEADER} was sent: set the gateway's secret",
        )
    if len(key) > LONGEST_KEY:
        raise Untrusted("malformed_key", f"{webjs.KEY_HEADER} is longer than any key of ours")
    return Credentials(key=key, instance_url=instance_url)


def _check_timestamp(timestamp: str, now_seconds: float) -> None:
    if not _TIMESTAMP.fullmatch(timestamp):
        raise Untrusted(
            "malformed_timestamp", f"{webjs.TIMESTAMP_HEADER} must be whole seconds since 1970"
        )
    off = round(int(timestamp) - now_seconds)
    if abs(off) > TOLERANCE_SECONDS:
        way = "ahead" if off > 0 else "behind"
        raise Untrusted(
            "clock_skew",
            f"timestamp is {abs(off)} s off ({way}): check the gateway's clock "
            f"({TOLERANCE_SECONDS} s are tolerated)",
        )


def _present(meta: Mapping[str, object], header: str) -> bool:
    return _variable(header) in meta


def _header(meta: Mapping[str, object], header: str) -> str:
    return str(meta.get(_variable(header), "")).strip()


def _variable(header: str) -> str:
    return "HTTP_" + header.upper().replace("-", "_")
