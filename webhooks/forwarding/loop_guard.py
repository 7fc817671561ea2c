"""The guard against forwarding loops: a webhook that we forwarded must not come back to us."""

from __future__ import annotations

import functools
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from rest_framework.exceptions import APIException


class Circle(APIException):
    """A webhook that we forwarded ourselves."""

    status_code = 508
    default_code = "circle"
    default_detail = (
        "this Rollcall has handed this webhook on itself: the gateway's forward URL leads back to "
        "it. Set the forward URL to the business's own backend"
    )


def refuse_our_own(meta: Mapping[str, Any]) -> None:
    """Raise Circle. A sender that forges our name in the header only blocks itself."""
    if _name(settings.SECRET_KEY) in str(meta.get("HTTP_VIA", "")):
        raise Circle


def via(meta: Mapping[str, Any]) -> str:
    """Return the Via header: our name after those that forwarded it before us."""
    before = str(meta.get("HTTP_VIA", ""))
    ours = f"1.1 {_name(settings.SECRET_KEY)}"
    return f"{before}, {ours}" if before else ours


@functools.lru_cache
def _name(key: str) -> str:
    """Return one name for all processes of this installation, and for no other."""
    return f"rollcall-{hmac.digest(key.encode(), b'via', hashlib.sha256).hex()[:16]}"
