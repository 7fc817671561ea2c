"""One thing between a gateway and the row that its webhook becomes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """`works` None: it cannot be told from here. `details`: one line for each session."""

    name: str
    works: bool | None
    says: str
    cure: str = ""
    details: tuple[str, ...] = ()
