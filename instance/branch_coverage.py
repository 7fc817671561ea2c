"""`./run test --coverage`: which branches the tests took, printed when they have ended.

Measured are the runs of pytest themselves, with their threads. The processes that tests start are
not: they are ended by signals, and timed (CONTRIBUTING.md).
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
# Names the directory that runs leave their data in, to us and to the run beside us.
_DATA = "ROLLCALL_COVERAGE_DATA"


def measured(program: Sequence[str]) -> list[str]:
    """The arguments for Python that run `program` ("-m", "pytest", …), measured if that was asked
    for."""
    if directory := os.environ.get(_DATA):
        return ["-m", "coverage", "run", f"--data-file={directory}/data", *program]
    return list(program)


@contextmanager
def reported() -> Iterator[None]:
    """Measure every run within, and print what they have covered together."""
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
