"""Tallies, for those who show them."""

from __future__ import annotations

from datetime import datetime

from accounts.models import Gateway
from webhooks.models import RouteTally
from webhooks.route_monitor.request_log import LIMITS_MS
from webhooks.route_monitor.wrong_path import noted

MONITOR = "/admin/webhooks/route/"
NOTHING = [0] * (len(LIMITS_MS) + 1)


def a_tally(gateway: Gateway | None, at: datetime, **fields) -> None:
    """A minute and its hour."""
    numbers = {"handling": [*NOTHING], "lag": [*NOTHING]} | fields
    for span, began_at in (
        ("minute", at.replace(second=0, microsecond=0)),
        ("hour", at.replace(minute=0, second=0, microsecond=0)),
    ):
        RouteTally.objects.create(gateway=gateway, span=span, began_at=began_at, **numbers)


def on_wrong_path(path: str, at: datetime) -> dict[str, object]:
    """Return a path as a route keeps it."""
    return noted({}, path, at=at.timestamp(), is_heard=True, key_went_along=False)


def page_of_route(gateway: Gateway) -> str:
    return f"{MONITOR}gateway/{gateway.pk}/"
