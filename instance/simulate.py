"""`./run simulate`: the simulated estates of tests/simulation, on servers of their own."""

from __future__ import annotations

import os

from instance import throwaway


def main(arguments: list[str]) -> int:
    """The exit code. One seed is one story, whatever order Python would give its sets."""
    os.environ["PYTHONHASHSEED"] = "0"
    return throwaway.main(arguments, module="tests.simulation")
