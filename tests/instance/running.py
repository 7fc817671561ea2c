"""A whole instance as a process, driven as a person would."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from instance.ports import free_port

ROOT = Path(__file__).parents[2]
KEPT = ("PATH", "HOME", "LANG")


class Running:
    """`./run up` without the script that installs."""

    def __init__(self, state: Path, *arguments: str, port: int | None = None) -> None:
        self.state = state
        self.port = port or free_port()
        environment = {name: os.environ[name] for name in KEPT if name in os.environ}
        self.process = subprocess.Popen(
            [
                *[sys.executable, "-P", "-m", "instance", "up"],
                *["--state", str(state), "--port", str(self.port), *arguments],
            ],
            env={**environment, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())

    def until_said(self, text: str, *, limit_seconds: float = 60) -> str:
        def said() -> str | None:
            return next((line for line in list(self.lines) if text in line), None)

        ended = lambda: self.process.poll() is not None and not self.reader.is_alive()  # noqa: E731
        line = until(lambda: said() or ended() or None, limit_seconds=limit_seconds)
        assert isinstance(line, str), f"it ended without saying {text!r}: {self.lines}"
        return line

    @property
    def access(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.state / "access.json").read_text())
        return content

    def descendants(self) -> list[int]:
        return descendants(self.process.pid)

    def stop(self) -> float:
        """Ctrl-C; how many seconds it took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)
        self.reader.join(5)
        return time.monotonic() - began

    def close(self) -> None:
        if self.process.poll() is None:
            self.stop()
        self.reader.join(5)
        if self.process.stdout is not None:
            self.process.stdout.close()


def until(condition: Callable[[], Any], *, limit_seconds: float = 30) -> Any:
    ends = time.monotonic() + limit_seconds
    while (value := condition()) in (None, False):
        assert time.monotonic() < ends, f"not within {limit_seconds} s"
        time.sleep(0.05)
    return value


def descendants(pid: int) -> list[int]:
    found = []
    for child in children_of(pid):
        found += [child, *descendants(child)]
    return found


def children_of(pid: int) -> list[int]:
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        text = " ".join((thread / "children").read_text() for thread in threads)
    except OSError:
        return []
    return [int(word) for word in text.split()]


def is_alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return status not in ("Z", "X")
