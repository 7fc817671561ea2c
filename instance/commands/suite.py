"""`./run test`: the test suite, as two parallel runs, each on servers of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from typing import IO

from instance import branch_coverage, throwaway
from instance.processes.children import die_with_parent
from instance.processes.supervisor import Interrupted, stop_on_signals

# These tests start whole instances and mostly wait for them; all others compute.
BESIDE = ("tests/deploy", "tests/flows", "tests/instance")
# Options for the amount of output, and for when to stop. Any other argument (a path, a report, a
# debugger, a seed) means one run.
_MEANS_ALL = re.compile(r"-[qvx]+|-p|no:\w+|--(?:durations|tb|timeout)=\w+")
INTERRUPTED, NOTHING_COLLECTED = 130, 5


def main(arguments: list[str]) -> int:
    """Run the tests. Return the exit code. `--coverage` prints the covered branches at the end."""
    if branch_coverage.FLAG not in arguments:
        return run(arguments)
    with branch_coverage.reported():
        return run([argument for argument in arguments if argument != branch_coverage.FLAG])


def run(arguments: list[str]) -> int:
    """Run both parts. Return the exit code. The second run's output is printed once the first
    has ended."""
    if not means_all(arguments):
        return throwaway.main(arguments)
    stop_on_signals()
    with tempfile.TemporaryFile() as said:
        codes = _run_both(arguments, said)
        said.seek(0)
        shutil.copyfileobj(said, sys.stdout.buffer)
    return worst(codes)


def means_all(arguments: Iterable[str]) -> bool:
    return all(_MEANS_ALL.fullmatch(argument) for argument in arguments)


def worst(codes: Iterable[int]) -> int:
    """Return the worst exit code. A run that selected no test has failed only if both did so."""
    return max((code for code in codes if code != NOTHING_COLLECTED), default=NOTHING_COLLECTED)


def _run_both(arguments: list[str], said: IO[bytes]) -> list[int]:
    beside = _start_beside([*arguments, *BESIDE], said)
    try:
        code = throwaway.main([*arguments, *(f"--ignore={path}" for path in BESIDE)])
        return [code] if code == INTERRUPTED else [code, beside.wait()]
    except Interrupted:
        return [INTERRUPTED]
    finally:
        throwaway.end(beside)


def _start_beside(arguments: list[str], said: IO[bytes]) -> subprocess.Popen[bytes]:
    parent = os.getpid()
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "instance", "test", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=said,
        stderr=subprocess.STDOUT,
        preexec_fn=lambda: die_with_parent(parent),
    )
