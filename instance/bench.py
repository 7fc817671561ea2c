"""`./run bench`: what tests/bench measures, on servers of its own that wait for their disk."""

from __future__ import annotations

from instance import throwaway


def main(arguments: list[str]) -> int:
    """The exit code."""
    return throwaway.main(arguments, module="tests.bench", as_in_production=True)
