"""What we hand on must not come round to us again: it would be handed on for ever."""

from __future__ import annotations

import functools
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from rest_framework.exceptions import APIException


class Circle(APIException):
    """We have handed this on ourselves."""

    status_code = 508
    default_code = "circle"
    default_detail = (
        "this Rollcall has handed this webhook on itself: the gateway's forward URL leads back to "
        "it. Set the forward URL to the business's own backend"
    )


def refuse_our_own(meta: Mapping[str, Any]) -> None:
    """Raises Circle. Whoever writes our name into the header only shuts the door on himself."""
    if _name(settings.SECRET_KEY) in str(meta.get("HTTP_VIA", "")):
        raise Circle


def via(meta: Mapping[str, Any]) -> str:
    """The Via header with our name behind those who handed it on before us."""
    before = str(meta.get("HTTP_VIA", ""))
    ours = f"1.1 {_name(settings.SECRET_KEY)}"
    return f"{before}, {ours}" if before else ours


@functools.lru_cache
def _name(key: str) -> str:
    """One for all processes of this installation, and no other's."""
    return f"rollcall-{hmac.digest(key.encode(), b'via', hashlib.sha256).hex()[:16]}"
