"""Webhooks on a wrong path: their gateway, the right path, and the incident."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Mapping

from django.db import transaction

from accounts.incidents.incidents import close_incident, open_incident
from accounts.models import Gateway, Incident
from accounts.store import clock
from accounts.words.refusals import Refused
from gateways.profiles import Profile
from gateways.registry import KINDS
from webhooks.auth.candidates import has_door_with_key
from webhooks.models import Route
from webhooks.route_monitor import wrong_path
from webhooks.route_monitor.expected_path import cure, said_of
from webhooks.route_monitor.wrong_path import WrongPath

logger = logging.getLogger(__name__)
MISROUTED_EVERY_SECONDS = 5.0


def kind_spoken(meta: Mapping[str, object]) -> str:
    """Return the kind whose credentials a request carries, on any path; "" if none."""
    signed = [name for name, kind in KINDS.items() if _is_signed_as(kind.profile, meta)]
    if signed:
        return signed[0]
    return next(
        (
            name
            for name, kind in KINDS.items()
            for header in kind.profile.key_headers
            if (key := _header(meta, header)) and has_door_with_key(name, key)
        ),
        "",
    )


def _is_signed_as(profile: Profile, meta: Mapping[str, object]) -> bool:
    has_token = profile.token is not None and _header(meta, "Authorization").count(".") == 2
    is_signed = profile.signature is not None and bool(_header(meta, profile.signature.header))
    return has_token or is_signed


def looks_like_a_webhook(meta: Mapping[str, object], beginning: bytes) -> bool:
    """Return whether it has the shape of a webhook: JSON that names an event."""
    is_json = "json" in str(meta.get("CONTENT_TYPE", "")).lower()
    names = {kind.body.event_field.encode() for kind in KINDS.values()}
    return is_json and any(re.search(rb'"%s"\s*:\s*"' % name, beginning) for name in names)


_noted: dict[tuple[int, str], float] = {}
_lock = threading.Lock()


def note_misrouted(gateway_id: int, path: str, *, key_went_along: bool) -> bool:
    """Open an incident that names the path. Return False if the path was accepted for this
    gateway.

    The route monitor keeps the incident up to date.
    """
    gateway = Gateway.objects.get(pk=gateway_id)
    if path in gateway.accepted_paths:
        return False
    now = clock.database_now()
    if _is_news(gateway_id, path):
        used = WrongPath(path=path, since=now, at=now, is_heard=True, key_went_along=key_went_along)
        opened = Incident.objects.filter(
            kind=Incident.Kind.MISROUTED, gateway=gateway, closed_at__isnull=True
        )
        if not opened.exists():
            open_incident(
                Incident.Kind.MISROUTED,
                gateway_id=gateway_id,
                text=said_of(gateway.name, [used], events=1, now=now),
                cure=cure(gateway.kind, [used]),
            )
    return True


def _is_news(gateway_id: int, path: str) -> bool:
    """Return whether to act now. A gateway on a wrong path uses it with every event: checked
    only now and then."""
    now = time.monotonic()
    with _lock:
        if now - _noted.get((gateway_id, path), float("-inf")) < MISROUTED_EVERY_SECONDS:
            return False
        _noted[(gateway_id, path)] = now
    return True


@transaction.atomic
def accept_paths(gateway: Gateway, *, actor: str) -> list[str]:
    """Accept the wrong paths in use as right ones for this gateway, and close the incident for
    good.

    Raise Refused.
    """
    gateway = Gateway.objects.select_for_update().get(pk=gateway.pk)
    route = Route.objects.filter(gateway=gateway).first()
    used = wrong_path.read(route.wrong_paths, without=gateway.accepted_paths) if route else ()
    paths = [one.path for one in used if one.is_heard]
    if not paths:
        raise Refused(
            "what comes there is not believed, so that accepting the path would not help"
            if used
            else "which path it is has not been written down yet: try again in 10 s"
        )
    gateway.accepted_paths = [*gateway.accepted_paths, *paths]
    gateway.save(update_fields=["accepted_paths"])
    if len(paths) == len(used):
        close_incident(Incident.Kind.MISROUTED, gateway_id=gateway.pk)
    logger.info("%s may send to %s: accepted by %s", gateway, ", ".join(paths), actor)
    return paths


def _header(meta: Mapping[str, object], name: str) -> str:
    return str(meta.get("HTTP_" + name.upper().replace("-", "_"), "")).strip()
