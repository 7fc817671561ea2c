"""`./run bench`: what is measured, on servers of its own that wait for their disk."""

from __future__ import annotations

from instance import throwaway


def main(arguments: list[str]) -> int:
    """The module that measures, and what it is told. The exit code."""
    module, *others = arguments
    return throwaway.main(others, module=module, as_in_production=True)
