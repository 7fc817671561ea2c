"""Asked to stop, an instance stops, wherever it just is."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.instance.running import plain_environment

SWALLOWING = """
try:
    os.kill(os.getpid(), signal.SIGTERM)
except Exception:
    print("swallowed")
"""
FORKING = """
# As if the signal came while the child was made: Python drops what is raised in such a callback.
os.register_at_fork(after_in_parent=lambda: os.kill(os.getpid(), signal.SIGTERM))
child = Child(name="child", command=["true"], environment={}, log=Path(os.devnull))
child.start()
print("went on")
"""
SCRIPT = """
import os, signal
from pathlib import Path
from instance.processes.children import Child
from instance.processes.supervisor import Interrupted, stop_on_signals
stop_on_signals()
try:
    exec({amid!r})
except Interrupted:
    print("stopped")
"""


@pytest.mark.parametrize("amid", [SWALLOWING, FORKING], ids=["a library", "a fork"])
def test_it_is_heard_amid(amid: str) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", SCRIPT.format(amid=amid)],
        env=plain_environment(),
        capture_output=True,
        text=True,
    )
    assert done.stdout == "stopped\n", done.stderr
