"""That nobody listens ends nothing."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.instance.running import plain_environment

SCRIPT = """
import sys
from instance.commands.up import say
for _ in range(3):
    say("READY")
print("went on", file=sys.stderr)
"""


def a_closed_pipe() -> int:
    reading, writing = os.pipe()
    os.close(reading)
    return writing


def a_closed_terminal() -> int:
    reading, writing = os.openpty()
    os.close(reading)
    return writing


@pytest.mark.parametrize("nobody", [a_closed_pipe, a_closed_terminal])
def test_it_goes_on_when_nobody_listens(nobody) -> None:
    output = nobody()
    done = subprocess.run(
        [sys.executable, "-P", "-c", SCRIPT],
        env=plain_environment(),
        stdout=output,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(output)
    assert (done.returncode, done.stderr) == (0, "went on\n")
