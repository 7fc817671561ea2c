"""`./run simulate`: simulated estates, on servers of their own."""

from __future__ import annotations

import os

from instance import throwaway


def main(arguments: list[str]) -> int:
    """The module that simulates, and what it is told. The exit code. One seed is one story,
    whatever order Python would give its sets."""
    module, *others = arguments
    os.environ["PYTHONHASHSEED"] = "0"
    return throwaway.main(others, module=module)
