"""The location and owner of an instance's database cluster, and the removal of leftovers.

As root the servers run as another account. It can enter neither our private state directory nor,
perhaps, the virtual environment. The cluster then lives in a directory of that account, its
home, and the state directory holds a symbolic link to the database in it.
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

# Not /var/tmp: some systems delete files there that were not read for 30 days, one by one.
CLUSTERS_OF_ROOT = "/var/lib/rollcall"
LINK = "postgres"
OWNER_NOTE = "state-directory"
DISK_NOTE = "state-disk"
LEFTOVER_LIMIT_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """The directory that the servers may write to, and the user that runs them (None: the
    current one).

    `lock` is held as long as this process lives; `notes` are for the operator.
    """

    directory: Path
    user: str | None
    lock: int
    notes: list[str]

    @property
    def database(self) -> Path:
        return self.directory / LINK


def open_home(state: Path) -> Home:
    """Return the home of a state directory, locked while this process lives; make it if missing.

    A server that outlived its supervisor is stopped first. Raise Trouble.
    """
    user = account.of_servers()
    directory = place(state, user)
    lock = hold(directory)
    removed = remove_leftovers(_uids())
    stop_leftover(directory / LINK)
    if user:
        account.give(directory, user)  # an earlier version, or root, made it as another user
    return Home(directory=directory, user=user, lock=lock, notes=notes(state, directory, removed))


def bring(home: Home, path: Path) -> None:
    """Move files that an earlier start, or a start as root, left beside the home into it."""
    if home.user and path.exists() and not (home.directory / path.name).exists():
        shutil.move(path, home.directory / path.name)
        account.give(home.directory, home.user)


def place(state: Path, user: str | None) -> Path:
    """Return the directory of a state directory's cluster, existing or not yet. Raise Trouble."""
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
    """Lock out other instances (of a copied state directory), as long as this process lives.

    Return the open file descriptor that holds the lock. Raise Trouble.
    """
    descriptor = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise Trouble(f"another instance uses the database in {home}: stop it first") from None
    return descriptor


def clusters() -> Path:
    """Return the parent directory of all clusters. ROLLCALL_DATA chooses another one."""
    return Path(os.environ.get("ROLLCALL_DATA") or CLUSTERS_OF_ROOT)


def _uids() -> set[int]:
    """Return the users whose homes root has made; none if not root."""
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
    """Delete clusters of a deleted state directory that had the same path."""
    uids = _uids()
    for home in clusters().glob("instance-*"):
        note = home / OWNER_NOTE
        if home.stat().st_uid in uids and note.is_file() and note.read_text() == str(state):
            shutil.rmtree(home, ignore_errors=True)


def note_owner(home: Path, state: Path) -> None:
    """Record the state directory that the home belongs to, and the disk that it is on."""
    (home / OWNER_NOTE).write_text(str(state))
    if state.exists():
        (home / DISK_NOTE).write_text(str(state.stat().st_dev))


def remove_leftovers(uids: set[int]) -> list[Path]:
    """Delete clusters of these accounts whose state directories are gone. Return the deleted
    ones.

    A cluster stays if it is locked, served, or if its state directory may be on an unmounted
    disk.
    """
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
    """Return notes on the location of the data. If not root it is in `state`."""
    if home == state:
        return []
    return [
        f"The servers' data is in {home}: it goes with the next start after {state} is deleted.",
        *(f"{gone} was removed: its state directory is gone." for gone in removed),
    ]


def serving(data: Path) -> int | None:
    """Return the process id in the pid file, if that process is a server of `data`."""
    try:
        pid = int((data / "postmaster.pid").read_text().splitlines()[0])
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError, IndexError):
        return None
    return pid if str(data).encode() in command else None


def stop_leftover(data: Path) -> None:
    """Stop a server of this directory that outlived its supervisor. Raise Trouble."""
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
    """Return whether the state directory is gone. Raise OSError if that cannot be determined."""
    state = Path((home / OWNER_NOTE).read_text())
    if not state.is_absolute() or os.path.lexists(state):
        return False
    disk, note = state.parent.stat().st_dev, home / DISK_NOTE
    lay_on = int(note.read_text()) if note.is_file() else home.stat().st_dev
    return disk == lay_on and serving(home / LINK) is None
