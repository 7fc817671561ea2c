"""A whole instance as a process, driven as a person would."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from instance.ports import free_port
from instance.processes.children import die_with_parent

ROOT = Path(__file__).parents[2]
MADE_BY_USE = (".rollcall", ".static", ".git", ".venv.lock", ".venv.log")
KEPT = ("PATH", "HOME", "LANG", "ROLLCALL_DATA")


class Running:
    """`./run up` without the script that installs. `terminal`: its output is one."""

    def __init__(
        self,
        state: Path,
        *arguments: str,
        port: int | None = None,
        terminal: bool = False,
        **environment: str,
    ) -> None:
        self.state = state
        self.port = port or free_port()
        parent = os.getpid()
        reading, writing = os.openpty() if terminal else os.pipe()
        self.process = subprocess.Popen(
            [
                *[sys.executable, "-P", "-m", "instance", "up"],
                *["--state", str(state), "--port", str(self.port), *arguments],
            ],
            env={**plain_environment(), **environment},
            stdout=writing,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: die_with_parent(parent),
        )
        os.close(writing)
        self.lines: list[str] = []
        self.reader = threading.Thread(target=self._read, args=[reading], daemon=True)
        self.reader.start()

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _read(self, reading: int) -> None:
        # A terminal whose other side is closed ends with an error, a pipe without.
        with contextlib.suppress(OSError), open(reading, errors="replace") as output:
            for line in output:
                self.lines.append(line.rstrip())

    def until_said(self, text: str, *, after: int = 0, limit_seconds: float = 60) -> str:
        """The first line with `text`; `after` so many others."""

        def said() -> str | None:
            return next((line for line in self.lines[after:] if text in line), None)

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

    def child(self, words: str) -> int | None:
        """The child of the supervisor whose command line holds `words`, while there is one."""
        return next(
            (pid for pid in children_of(self.process.pid) if words in command_of(pid)), None
        )

    def until_killed(self, name: str, words: str) -> int:
        """Kill a child, as soon as there is one, until it is said; which one it was."""
        said_before, victim = len(self.lines), until(lambda: self.child(words))
        os.kill(victim, signal.SIGKILL)
        self.until_said(f"{name} died (killed by SIGKILL)", after=said_before)
        return int(victim)

    def is_well(self) -> bool:
        """Web, PostgreSQL and Redis answer."""
        try:
            with urllib.request.urlopen(f"{self.access['url']}/health", timeout=5) as answer:
                return bool(json.load(answer)["status"] == "ok")
        except OSError:
            return False

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

    def refusal(self) -> str:
        """The one line that it ends with, having started nothing."""
        with self:
            assert self.process.wait(30) != 0
        (line,) = self.lines
        return line


def until(condition: Callable[[], Any], *, limit_seconds: float = 30) -> Any:
    ends = time.monotonic() + limit_seconds
    while (value := condition()) in (None, False):
        assert time.monotonic() < ends, f"not within {limit_seconds} s"
        time.sleep(0.05)
    return value


def a_checkout(directory: Path) -> Path:
    """The house once more: its own script and `instance/`, and links to all else."""
    checkout = directory / "checkout"
    checkout.mkdir()
    for path in ROOT.iterdir():
        if path.name not in ("run", "instance", "tests") and path.name not in MADE_BY_USE:
            (checkout / path.name).symlink_to(path)
    shutil.copytree(ROOT / "instance", checkout / "instance")
    shutil.copy(ROOT / "run", checkout / "run")
    return checkout


def plain_environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    # The tests' backends and receivers are on this machine.
    here = dict.fromkeys(("FORWARD_NETWORKS", "ALERT_NETWORKS"), "127.0.0.0/8")
    return {**kept, **here, "PYTHONPATH": str(ROOT)}


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


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def listening(running: Running) -> set[str]:
    """The TCP addresses, of either family, that an instance's processes listen on."""
    inodes = set()
    for pid in running.descendants():
        with contextlib.suppress(OSError):  # it has just ended
            for descriptor in Path(f"/proc/{pid}/fd").iterdir():
                inodes.add(os.readlink(descriptor).removeprefix("socket:[").rstrip("]"))
    rows = [
        line.split()
        for name in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
    ]
    return {address_of(row[1]) for row in rows if row[3] == "0A" and row[9] in inodes}


def address_of(text: str) -> str:
    """Return the address in /proc's format: hexadecimal, words reversed."""
    host, port = text.split(":")
    words = [bytes.fromhex(host[at : at + 8])[::-1] for at in range(0, len(host), 8)]
    return f"{ipaddress.ip_address(b''.join(words))}:{int(port, 16)}"


def is_alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return status not in ("Z", "X")
