"""Everything the admin shows. Django imports this package, and each module registers its models."""

from __future__ import annotations

from dashboard.admin import (
    accounts,
    channels,
    deliveries,
    evidence,
    gateways,
    incidents,
    people,
    repairs,
    routes,
    runs,
)

__all__ = [
    "accounts",
    "channels",
    "deliveries",
    "evidence",
    "gateways",
    "incidents",
    "people",
    "repairs",
    "routes",
    "runs",
]
