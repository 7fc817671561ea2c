"""`./run test`: the test suite, in parts that run side by side, each on servers of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

from instance import branch_coverage, throwaway
from instance.processes.children import die_with_parent
from instance.processes.supervisor import Interrupted, stop_on_signals

# Parts of about the same time. What starts whole instances mostly waits for them, and leaves the
# processors to the others. All that is not named here is the last part.
BESIDE = (
    ("tests/deploy", "tests/flows", "tests/live", "tests/notices"),
    ("tests/instance", "tests/webhooks", "tests/node"),
    ("tests/accounts", "tests/dashboard"),
)
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
    """Run all parts. Return the exit code. The output of the last part is printed as it comes,
    that of the others once it has ended."""
    if not means_all(arguments):
        return throwaway.main(arguments)
    stop_on_signals()
    with ExitStack() as parts:
        beside = [parts.enter_context(_beside([*arguments, *paths])) for paths in BESIDE]
        try:
            ignored = (f"--ignore={path}" for paths in BESIDE for path in paths)
            code = throwaway.main([*arguments, *ignored])
            return code if code == INTERRUPTED else worst([code, *(one.wait() for one in beside)])
        except Interrupted:
            return INTERRUPTED


def means_all(arguments: Iterable[str]) -> bool:
    return all(_MEANS_ALL.fullmatch(argument) for argument in arguments)


def worst(codes: Iterable[int]) -> int:
    """Return the worst exit code. A run that selected no test has failed only if both did so."""
    return max((code for code in codes if code != NOTHING_COLLECTED), default=NOTHING_COLLECTED)


@contextmanager
def _beside(arguments: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a part in the background. Print its output, and end it if it has not, at the end of the
    block."""
    parent = os.getpid()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "instance", "test", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: die_with_parent(parent),
        )
        try:
            yield process
        finally:
            throwaway.end(process)
            said.seek(0)
            shutil.copyfileobj(said, sys.stdout.buffer)
            sys.stdout.flush()
