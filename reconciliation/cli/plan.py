"""Plan of what a roll call would do, as a value and as a file, and what has changed since. Pure.

Each entry carries two fingerprints, in plain values so that a refusal can say what changed: `row`,
our row, and `shown`, what the gateway showed of the session. `does` is empty if nothing would be
done.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any, Self

from django.utils.dateparse import parse_datetime

VERSION = 1
# Two readings of the uptime of one boot differ by less than this (see
# reconciliation.rollcall.boot).
SAME_BOOT = timedelta(seconds=5)
Print = Mapping[str, str | None]


class NoPlan(Exception):
    """The file is no plan. The message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanEntry:
    """Difference, and the action that follows from it."""

    kind: str
    account_id: int | None
    session_id: str
    phone_number: str
    was: str
    now: str
    held: bool
    why: str
    does: str = ""
    row: Print = field(default_factory=dict)
    shown: Print = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        return (self.kind, self.session_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayPlan:
    """Plan for one gateway. `booted_at` None: the gateway does not report it."""

    gateway_id: int
    name: str
    address: str
    booted_at: datetime | None = None
    why_not_read: str = ""
    entries: Sequence[PlanEntry] = ()


def what_changed(before: Print, now: Print, *, whose: str) -> list[str]:
    """Return lines such as "its row: wanted was running, is stopped"; an empty list if nothing
    changed."""
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    return [
        f"{whose}: {name} was {before.get(name) or 'none'}, is {now.get(name) or 'none'}"
        for name in names
    ]


def has_rebooted(before: datetime | None, now: datetime | None) -> bool:
    return before is not None and now is not None and abs(now - before) > SAME_BOOT


def as_text(plans: Sequence[GatewayPlan], made_at: datetime) -> str:
    record = {
        "rollcall_plan": VERSION,
        "made_at": made_at.isoformat(),
        "gateways": [_record(plan) for plan in plans],
    }
    return json.dumps(record, indent=2) + "\n"


def from_text(text: str) -> list[GatewayPlan]:
    """Parse a plan. Raises NoPlan."""
    try:
        record = json.loads(text)
    except ValueError as error:
        raise NoPlan(f"it is no JSON: {error}") from None
    if not isinstance(record, dict) or record.get("rollcall_plan") != VERSION:
        raise NoPlan("it was not made by monitor_sessions --plan --out of this version")
    try:
        return [_gateway(one) for one in record["gateways"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NoPlan(f"it is damaged: {type(error).__name__}: {error}") from None


def _record(plan: GatewayPlan) -> dict[str, Any]:
    booted_at = plan.booted_at and plan.booted_at.isoformat()
    return asdict(plan) | {"booted_at": booted_at, "entries": [asdict(one) for one in plan.entries]}


def _gateway(record: dict[str, Any]) -> GatewayPlan:
    booted_at = record["booted_at"]
    given = record | {
        "booted_at": parse_datetime(booted_at) if booted_at else None,
        "entries": [_checked(PlanEntry, one) for one in record["entries"]],
    }
    plan: GatewayPlan = _checked(GatewayPlan, given)
    return plan


def _checked(kind: type[Any], given: dict[str, Any]) -> Any:
    """Build a value from exactly its fields: a plan that was edited by hand is refused."""
    names = {one.name for one in fields(kind)}
    if given.keys() != names:
        raise ValueError(f"{kind.__name__} needs {sorted(names ^ given.keys())}")
    return kind(**given)


@dataclass(frozen=True, slots=True)
class Applied:
    """Result for one entry: done, refused with what changed, or nothing to do."""

    gateway: str
    entry: PlanEntry
    is_done: bool = False
    refusals: Sequence[str] = ()

    @classmethod
    def refused(cls, gateway: str, entry: PlanEntry, *why: str) -> Self:
        return cls(gateway, entry, refusals=why)


def applied_as_json(applied: Iterable[Applied]) -> dict[str, object]:
    """Return the result of a plan as JSON."""
    applied = list(applied)
    return {
        "done": sum(one.is_done for one in applied),
        "refused": sum(bool(one.refusals) for one in applied),
        "entries": [
            {
                "gateway": one.gateway,
                "kind": one.entry.kind,
                "account_id": one.entry.account_id,
                "session_id": one.entry.session_id,
                "does": one.entry.does or None,
                "done": one.is_done,
                "refused": list(one.refusals),
            }
            for one in applied
        ],
    }
