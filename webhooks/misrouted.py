"""Webhooks on a path that is not theirs: whose they are, what path is right, and who is told."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping

from accounts.incidents import open_incident
from accounts.models import Gateway, Incident
from gateways.profiles import Profile
from gateways.registry import DIALECTS
from webhooks.doors import has_door_with_key
from webhooks.right_paths import cure, right_path, right_url

# A gateway that sends to a wrong path does so with every event: count it now and then.
MISROUTED_EVERY_SECONDS = 5.0
# The names under which the kinds say which event it is.
_EVENT_NAMED = re.compile(rb'"(?:event|dataType|type)"\s*:\s*"')


def kind_spoken(meta: Mapping[str, object]) -> str:
    """The kind whose credentials a request carries, wherever it was sent; "" where it is none's."""
    signed = [kind for kind, dialect in DIALECTS.items() if _is_signed_as(dialect.profile, meta)]
    if signed:
        return signed[0]
    return next(
        (
            kind
            for kind, dialect in DIALECTS.items()
            for header in dialect.profile.key_headers
            if (key := _header(meta, header)) and has_door_with_key(kind, key)
        ),
        "",
    )


def _is_signed_as(profile: Profile, meta: Mapping[str, object]) -> bool:
    has_token = profile.has_token and _header(meta, "Authorization").count(".") == 2
    is_signed = profile.signature is not None and bool(_header(meta, profile.signature.header))
    return has_token or is_signed


def looks_like_a_webhook(meta: Mapping[str, object], beginning: bytes) -> bool:
    """By its shape: JSON that names an event."""
    is_json = "json" in str(meta.get("CONTENT_TYPE", "")).lower()
    return is_json and _EVENT_NAMED.search(beginning) is not None


def is_accepted(gateway_id: int, path: str) -> bool:
    """Whether somebody has accepted this path for this gateway."""
    accepted = Gateway.objects.values_list("accepted_paths", flat=True).get(pk=gateway_id)
    return path in accepted


_noted: dict[tuple[int, str], float] = {}
_lock = threading.Lock()


def note_misrouted(gateway_id: int, kind: str, path: str) -> None:
    """An incident that names the wrong path and the right one, at once; how often it happens is
    added by those who watch the route."""
    now = time.monotonic()
    with _lock:
        if now - _noted.get((gateway_id, path), float("-inf")) < MISROUTED_EVERY_SECONDS:
            return
        _noted[(gateway_id, path)] = now
    open_incident(
        Incident.Kind.MISROUTED,
        gateway_id=gateway_id,
        text=f"it sends to {path}; the right URL is {right_url(kind)}. Nothing is lost meanwhile.",
        cure=cure(right_path(kind)),
    )


def _header(meta: Mapping[str, object], name: str) -> str:
    return str(meta.get("HTTP_" + name.upper().replace("-", "_"), "")).strip()
