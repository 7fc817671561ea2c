"""Whoever leads a gateway's traffic to another origin must know its secrets: what is stored here is
never sent to a place that somebody merely typed in."""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Iterable
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError

from accounts.models import Gateway, GatewaySecret
from accounts.store import clock
from accounts.store.encryption import CannotOpen

_PORTS = {"http": 80, "https": 443}


def is_another_origin(before: str, after: str) -> bool:
    """Return whether `after` leads to another origin; "" leads nowhere."""
    return bool(after) and _origin(before) != _origin(after)


def require_secrets_again(gateway: Gateway, *, origin_of: str, given: Iterable[str]) -> None:
    """Pass where all active secrets of the gateway are among `given`. All, because somebody may
    have added one of their own a moment ago. Raises ValidationError."""
    offered = [value.encode() for value in given]
    now = clock.database_now()
    kept = GatewaySecret.objects.filter(gateway_id=gateway.pk) if gateway.pk else []
    unknown = Counter(
        secret.get_purpose_display()
        for secret in kept
        if secret.is_active(now) and not _is_among(secret, offered)
    )
    if unknown:
        scheme, host, port = _origin(origin_of)
        named = ", ".join(f"{number} of {purpose}" for purpose, number in sorted(unknown.items()))
        raise ValidationError(
            f"{scheme}://{host}:{port} is another origin, and would be sent what is stored for "
            f"this gateway: give its secrets again, or end them first (not given: {named})"
        )


def _is_among(secret: GatewaySecret, offered: Iterable[bytes]) -> bool:
    """Return whether the secret is among these. One that cannot be opened is not: another key may
    open it tomorrow."""
    try:
        value = secret.secret.encode()
    except CannotOpen:
        return False
    return any(hmac.compare_digest(value, one) for one in offered)


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    return scheme, (parts.hostname or "").lower(), parts.port or _PORTS.get(scheme, 0)
