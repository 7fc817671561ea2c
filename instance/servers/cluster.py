"""Where an instance's servers keep their files, whose those are, and what is left of others.

As root they run as another account, which can enter neither our private state directory nor,
perhaps, the virtual environment: they then live in a directory of that account, its home, and the
state directory holds a symbolic link to the database in it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import shutil
import signal
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from instance import account
from instance.state import Trouble

# Not /var/tmp: what has not been read there for 30 days is deleted on some systems, file by file.
CLUSTERS_OF_ROOT = "/var/lib/rollcall"
LINK = "postgres"
OWNER_NOTE = "state-directory"
DISK_NOTE = "state-disk"
LEFTOVER_LIMIT_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """What the servers may write to, and who runs them (None: we ourselves). `lock` is held for as
    long as we live; `notes`: what a person should know of it."""

    directory: Path
    user: str | None
    lock: int
    notes: list[str]

    @property
    def database(self) -> Path:
        return self.directory / LINK


def open_home(state: Path) -> Home:
    """The home of a state directory, made when there is none, and nobody else's while we live. A
    server that outlived its supervisor is stopped first. Raises Trouble."""
    user = account.of_servers()
    directory = place(state, user)
    lock = hold(directory)
    removed = remove_leftovers(_uids())
    stop_leftover(directory / LINK)
    if user:
        account.give(directory, user)  # made as another one by an earlier version, or by root
    return Home(directory=directory, user=user, lock=lock, notes=notes(state, directory, removed))


def bring(home: Home, path: Path) -> None:
    """Move what an earlier start, or one as root, left beside the home into it."""
    if home.user and path.exists() and not (home.directory / path.name).exists():
        shutil.move(path, home.directory / path.name)
        account.give(home.directory, home.user)


def place(state: Path, user: str | None) -> Path:
    """The directory that holds, or shall hold, the cluster of a state directory. Raises Trouble."""
    if user is None:
        return state
    link = state / LINK
    if link.is_symlink():
        home = Path(os.readlink(link)).parent
        if not home.is_dir():
            raise Trouble(f"{home}, which held the database of {state}, is gone: start a new state")
        return home
    _remove_orphans(state)
    home = _new_home(user)
    note_owner(home, state)
    link.symlink_to(home / LINK)
    return home


def remove(state: Path) -> None:
    """Delete the cluster of a stopped server."""
    link = state / LINK
    if link.is_symlink():
        shutil.rmtree(Path(os.readlink(link)).parent, ignore_errors=True)
        link.unlink()
    shutil.rmtree(link, ignore_errors=True)


def hold(home: Path) -> int:
    """Keep other instances (of a copied state directory) out, for as long as we live.

    The open file descriptor that holds the lock. Raises Trouble.
    """
    descriptor = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise Trouble(f"another instance uses the database in {home}: stop it first") from None
    return descriptor


def clusters() -> Path:
    """ROLLCALL_DATA chooses another place."""
    return Path(os.environ.get("ROLLCALL_DATA") or CLUSTERS_OF_ROOT)


def _uids() -> set[int]:
    """Whose homes root has made; none for anybody else."""
    if os.geteuid() != 0:
        return set()
    names = (account.NAME, *account.STAND_INS)
    return {pwd.getpwnam(name).pw_uid for name in names if account.exists(name)}


def _new_home(user: str) -> Path:
    parent, owner = clusters(), pwd.getpwnam(user)
    try:
        parent.mkdir(mode=0o711, parents=True, exist_ok=True)
        home = Path(tempfile.mkdtemp(prefix="instance-", dir=parent))
    except OSError as error:
        raise Trouble(
            f"cannot make a directory for the database in {parent} ({error.strerror}): "
            "name another place in ROLLCALL_DATA"
        ) from None
    os.chown(home, owner.pw_uid, owner.pw_gid)
    if closed := account.closed_folder(home / LINK, user):
        raise Trouble(
            f"{user}, who runs PostgreSQL for root, cannot enter {closed}: "
            "name another place in ROLLCALL_DATA"
        )
    return home


def _remove_orphans(state: Path) -> None:
    """Clusters of an earlier state directory of this path, which somebody has deleted."""
    uids = _uids()
    for home in clusters().glob("instance-*"):
        note = home / OWNER_NOTE
        if home.stat().st_uid in uids and note.is_file() and note.read_text() == str(state):
            shutil.rmtree(home, ignore_errors=True)


def note_owner(home: Path, state: Path) -> None:
    """Whose it is, and on which disk that lies."""
    (home / OWNER_NOTE).write_text(str(state))
    if state.exists():
        (home / DISK_NOTE).write_text(str(state.stat().st_dev))


def remove_leftovers(uids: set[int]) -> list[Path]:
    """Clusters of these accounts whose state directories are gone; which. What is held, served,
    or may only be on a disk that is not mounted just now, stays."""
    gone = []
    for home in sorted(clusters().glob("instance-*")) if uids else []:
        with contextlib.suppress(OSError, Trouble):
            is_ours = home.is_dir() and not home.is_symlink() and home.stat().st_uid in uids
            if not (is_ours and _is_abandoned(home)):
                continue
            held = hold(home)
            try:
                shutil.rmtree(home, ignore_errors=True)
            finally:
                os.close(held)
            gone.append(home)
    return gone


def notes(state: Path, home: Path, removed: list[Path]) -> list[str]:
    """What a person should know of where the data is. As anybody but root it is in `state`."""
    if home == state:
        return []
    return [
        f"The servers' data is in {home}: it goes with the next start after {state} is deleted.",
        *(f"{gone} was removed: its state directory is gone." for gone in removed),
    ]


def serving(data: Path) -> int | None:
    """The process that serves `data`: the one in its pid file, if that is a server of `data`."""
    try:
        pid = int((data / "postmaster.pid").read_text().splitlines()[0])
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError, IndexError):
        return None
    return pid if str(data).encode() in command else None


def stop_leftover(data: Path) -> None:
    """A server of this very directory that outlived its supervisor. Raises Trouble."""
    pid = serving(data)
    if pid is None:
        return
    os.kill(pid, signal.SIGINT)
    ends = time.monotonic() + LEFTOVER_LIMIT_SECONDS
    while serving(data) == pid:
        if time.monotonic() > ends:
            raise Trouble(
                f"PostgreSQL (process {pid}) still runs in {data}: end it, then try again"
            )
        time.sleep(0.1)


def _is_abandoned(home: Path) -> bool:
    """Raises OSError where that cannot be known."""
    state = Path((home / OWNER_NOTE).read_text())
    if not state.is_absolute() or os.path.lexists(state):
        return False
    disk, note = state.parent.stat().st_dev, home / DISK_NOTE
    lay_on = int(note.read_text()) if note.is_file() else home.stat().st_dev
    return disk == lay_on and serving(home / LINK) is None
