"""Child processes that cannot outlive their parent, each with a log of its own."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from instance.state import Trouble

LARGEST_LOG_BYTES = 10 * 1024 * 1024
LOOK_EVERY_SECONDS = 0.05
_PR_SET_PDEATHSIG = 1
_ASKING_TO_STOP = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(parent: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Make the kernel end this process when `parent` is gone, even by kill -9. Called in a
    child."""
    _libc.prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:  # the parent died before the request
        os._exit(1)


@contextlib.contextmanager
def _signals_held() -> Iterator[set[signal.Signals]]:
    """Block the signals during a fork. Yield those that were not blocked before.

    Python drops what a signal handler raises in its own callbacks just after a fork: a request
    to stop would be lost, and the child not known.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ASKING_TO_STOP)
    try:
        yield {signal.Signals(number) for number in before}
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@dataclass
class Child:
    """A command that runs in an operating system session of its own, as `user` if one is named.

    `stop_with` is the signal for an orderly stop; `orphaned_with` the one that the kernel sends
    when the parent is gone. `is_needed`: whether the others end with it when it cannot run;
    `before_restart` may change it.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    stop_with: signal.Signals = signal.SIGTERM
    orphaned_with: signal.Signals = signal.SIGKILL
    user: str | None = None
    directory: Path = Path("/")
    is_needed: bool = True
    before_restart: Callable[[], None] = lambda: None
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    deaths: list[float] = field(default_factory=list, init=False)
    log_began: int = field(default=0, init=False)

    def start(self) -> None:
        if self.log.exists() and self.log.stat().st_size > LARGEST_LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        parent = os.getpid()
        self.log_began = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log, _signals_held() as before:

            def begin() -> None:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
                die_with_parent(parent, self.orphaned_with)

            # preexec_fn runs after the change of user, which would clear the death signal.
            self.process = subprocess.Popen(
                self.command,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                start_new_session=True,  # else Ctrl-C reaches all at once and the order is lost
                preexec_fn=begin,
                **_identity(self.user),
            )

    def rotate_log(self) -> None:
        """Move a log that has grown too large aside, and keep one such. The process goes on writing
        to its end: its file was opened for appending."""
        try:
            if self.log.stat().st_size <= LARGEST_LOG_BYTES:
                return
        except FileNotFoundError:
            return
        aside = self.log.with_suffix(".log.1")
        with self.log.open("rb+") as log, aside.open("wb") as kept:
            aside.chmod(0o600)
            shutil.copyfileobj(log, kept, 1024 * 1024)
            log.truncate(0)
        self.log_began = 0

    def has_said(self, text: str) -> bool:
        """Return whether it runs, and its log since the start contains `text`."""
        if self.process is None or self.has_died():
            return False
        with self.log.open("rb") as log:
            log.seek(self.log_began)
            return text.encode() in log.read(LARGEST_LOG_BYTES)

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
        """End it and everything it started, in order if it reacts to the signal."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(self.stop_with)
            try:
                self.process.wait(patience_seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        self.end_what_it_left()
        self.process = None

    def end_what_it_left(self) -> None:
        """End the processes that it started and left: it led a process group of its own."""
        assert self.process is not None
        ends = time.monotonic() + 0.5
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
            while time.monotonic() < ends:
                os.killpg(self.process.pid, 0)
                time.sleep(0.01)


def _identity(user: str | None) -> dict[str, Any]:
    if user is None:
        return {}
    account = pwd.getpwnam(user)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def last_lines(log: Path, count: int = 3) -> str:
    try:
        lines = log.read_bytes()[-4000:].decode(errors="replace").splitlines()
    except OSError:
        return ""
    return " | ".join(line.strip() for line in lines[-count:] if line.strip())


def wait_until(ready: Callable[[], bool], child: Child, *, limit_seconds: float) -> None:
    """Wait for `ready()`. Raise Trouble with the log's name if the child dies meanwhile."""
    ends = time.monotonic() + limit_seconds
    while not ready():
        if child.has_died():
            raise Trouble(
                f"{child.name} did not start ({child.how_it_died()}): "
                f"{last_lines(child.log)} — see {child.log}"
            )
        if time.monotonic() > ends:
            raise Trouble(f"{child.name} was not ready in {limit_seconds:g} s: see {child.log}")
        time.sleep(LOOK_EVERY_SECONDS)


def run_to_end(child: Child) -> None:
    """Start it and wait for its end. Raise Trouble if it fails."""
    try:
        child.start()
        while not child.has_died():
            time.sleep(LOOK_EVERY_SECONDS)
        if child.process is not None and child.process.returncode != 0:
            raise Trouble(
                f"{child.name} failed ({child.how_it_died()}): "
                f"{last_lines(child.log)} — see {child.log}"
            )
    finally:
        child.stop(patience_seconds=2)
