"""A second terminal beside a running instance, in which the lines of the pages are typed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.instance.running import KEPT, ROOT, Running

_DONE = "=== done ==="


def blocks_of(page: str) -> list[str]:
    """The blocks that a page tells its reader to paste, in their order."""
    return re.findall(r"^```bash\n(.*?)^```", (ROOT / page).read_text(), re.S | re.M)


class Terminal:
    """bash, in a directory with a `run` that needs no installing."""

    def __init__(self, running: Running, directory: Path) -> None:
        script = directory / "run"
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m instance "$@"\n')
        script.chmod(0o755)
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        self.process = subprocess.Popen(
            ["bash", "--norc"],
            env={**kept, "PYTHONPATH": str(ROOT), "ROLLCALL_STATE": str(running.state)},
            cwd=directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        # Whoever asserts waits for what is to become true, not for the time it usually takes.
        self.type("sleep() { :; }")

    def type(self, lines: str) -> str:
        """Return the output until the prompt is back."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{lines}\necho; echo '{_DONE}'\n")
        self.process.stdin.flush()
        printed = []
        for line in self.process.stdout:
            if line.rstrip() == _DONE:
                return "".join(printed)
            printed.append(line)
        raise AssertionError(f"the shell ended: {''.join(printed)}")

    def close(self) -> None:
        self.process.communicate(timeout=10)
