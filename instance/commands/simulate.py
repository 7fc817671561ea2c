"""`./run simulate`: simulated estates, on servers of their own."""

from __future__ import annotations

import os

from instance import throwaway


def main(arguments: list[str]) -> int:
    """Run the simulation module with the remaining arguments. Return the exit code.

    Hash randomisation is off: one seed always gives the same run.
    """
    module, *others = arguments
    os.environ["PYTHONHASHSEED"] = "0"
    return throwaway.main(others, module=module)
