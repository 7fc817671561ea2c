"""`./run test --coverage`: branch coverage of the tests, printed at the end.

The pytest runs themselves are measured, with their threads. Processes that tests start are not:
they are ended by signals, and timed (CONTRIBUTING.md).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

FLAG = "--coverage"
ROOT = Path(__file__).resolve().parent.parent
# The directory for the runs' data, for this run and the one beside it.
_DATA = "ROLLCALL_COVERAGE_DATA"


def measured(program: Sequence[str]) -> list[str]:
    """Return Python's arguments to run `program` ("-m", "pytest", …), with coverage if
    requested."""
    if directory := os.environ.get(_DATA):
        return ["-m", "coverage", "run", f"--data-file={directory}/data", *program]
    return list(program)


@contextmanager
def reported() -> Iterator[None]:
    """Measure every run within the block, and print their combined coverage."""
    with tempfile.TemporaryDirectory(prefix="rollcall-coverage-") as directory:
        os.environ[_DATA] = directory
        try:
            yield
        finally:
            del os.environ[_DATA]
        if any(Path(directory).iterdir()):
            _coverage("combine", "--quiet", f"--data-file={directory}/data", directory)
            _coverage("report", f"--data-file={directory}/data")


def _coverage(*arguments: str) -> None:
    sys.stdout.flush()
    subprocess.run([sys.executable, "-m", "coverage", *arguments], cwd=ROOT, check=True)
