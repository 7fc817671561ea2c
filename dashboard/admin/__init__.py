"""Everything the admin shows. Django imports this package, and each module registers its models."""

from __future__ import annotations

from dashboard.admin import accounts, evidence, gateways, people

__all__ = ["accounts", "evidence", "gateways", "people"]
