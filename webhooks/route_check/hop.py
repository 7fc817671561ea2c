"""One part of the way from a gateway to the row of its webhook."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One part of the route. `works` None: unknown from here. `details`: one line for each
    session."""

    name: str
    works: bool | None
    says: str
    cure: str = ""
    details: tuple[str, ...] = ()
