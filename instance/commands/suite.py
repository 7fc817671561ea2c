"""`./run test`: the whole suite goes in two runs at once, each on servers of its own."""

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

# They start whole instances and mostly wait for them; all others compute.
BESIDE = ("tests/deploy", "tests/flows", "tests/instance")
# What says how much is printed, and when to stop. Anything else (a path, a report, a debugger, a
# seed) means one run.
_MEANS_ALL = re.compile(r"-[qvx]+|-p|no:\w+|--(?:durations|tb|timeout)=\w+")
INTERRUPTED, NOTHING_COLLECTED = 130, 5


def main(arguments: list[str]) -> int:
    """The exit code. `--coverage` has the covered branches printed in the end."""
    if branch_coverage.FLAG not in arguments:
        return run(arguments)
    with branch_coverage.reported():
        return run([argument for argument in arguments if argument != branch_coverage.FLAG])


def run(arguments: list[str]) -> int:
    """The exit code. What the second run said is printed once the first has ended."""
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
    """A run for which nothing was left to do has not failed, unless both say so."""
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
