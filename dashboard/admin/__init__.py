"""Everything the admin shows. Django imports this package, and each module registers its models."""

from __future__ import annotations

from dashboard.admin import people
from dashboard.admin.account import accounts
from dashboard.admin.evidence import repairs, routes, runs, transitions
from dashboard.admin.gateway import gateways
from dashboard.admin.inbox import deliveries
from dashboard.admin.incident import channels, incidents
from dashboard.admin.notice import notices, subscriptions

__all__ = [
    "accounts",
    "channels",
    "deliveries",
    "gateways",
    "incidents",
    "notices",
    "people",
    "repairs",
    "routes",
    "runs",
    "subscriptions",
    "transitions",
]
