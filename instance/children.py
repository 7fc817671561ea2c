"""Child processes that cannot outlive us, each with a log of its own."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from instance.state import Trouble

LARGEST_LOG_BYTES = 10 * 1024 * 1024
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent(parent: int) -> None:
    """Between fork and exec: the kernel kills the child when we are gone, even by kill -9."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before we asked
        os._exit(1)


@dataclass
class Child:
    """A command that is kept running. `stop_with` is the signal it stops on in good order."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    stop_with: signal.Signals = signal.SIGTERM
    user: str | None = None
    directory: Path = Path("/")
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    deaths: list[float] = field(default_factory=list, init=False)

    def start(self) -> None:
        if self.log.exists() and self.log.stat().st_size > LARGEST_LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        parent = os.getpid()
        account = pwd.getpwnam(self.user) if self.user else None
        identity = (
            {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}
        )
        with self.log.open("ab") as log:
            # preexec_fn runs after the change of user, which would clear the death signal.
            self.process = subprocess.Popen(
                self.command,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                start_new_session=True,  # else Ctrl-C reaches all at once and the order is lost
                preexec_fn=lambda: _die_with_parent(parent),
                **identity,  # type: ignore[arg-type]
            )

    @property
    def pid(self) -> int:
        return self.process.pid if self.process else 0

    def has_died(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def how_it_died(self) -> str:
        code = self.process.returncode if self.process else None
        if code is not None and code < 0:
            return f"killed by {signal.Signals(-code).name}"
        return f"exit code {code}"

    def stop(self, *, patience_seconds: float) -> None:
        """End it and everything it started, in good order if it listens."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(self.stop_with)
            try:
                self.process.wait(patience_seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
        _kill_group(self.process.pid)
        self.process.wait()
        self.process = None


def _kill_group(leader: int) -> None:
    """What a child started and left behind (it leads a process group of its own)."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def last_lines(log: Path, count: int = 3) -> str:
    try:
        lines = log.read_bytes()[-4000:].decode(errors="replace").splitlines()
    except OSError:
        return ""
    return " | ".join(line.strip() for line in lines[-count:] if line.strip())


def wait_until(ready: object, child: Child, *, limit_seconds: float) -> None:
    """Wait for `ready()`; a child that dies meanwhile is named with its log. Raises Trouble."""
    assert callable(ready)
    ends = time.monotonic() + limit_seconds
    while not ready():
        if child.has_died():
            raise Trouble(
                f"{child.name} did not start ({child.how_it_died()}): "
                f"{last_lines(child.log)} — see {child.log}"
            )
        if time.monotonic() > ends:
            raise Trouble(f"{child.name} was not ready in {limit_seconds:g} s: see {child.log}")
        time.sleep(0.05)
