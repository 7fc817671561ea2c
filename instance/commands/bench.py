"""`./run bench`: benchmarks, on servers of their own that wait for their disk."""

from __future__ import annotations

from instance import throwaway


def main(arguments: list[str]) -> int:
    """Run the named benchmark with the remaining arguments. Return the exit code."""
    module, *others = arguments
    return throwaway.main(others, module=module, as_in_production=True)
