"""The system account that an instance's processes run as when root starts it.

Root runs the supervisor only, which opens no port. PostgreSQL refuses to run as root, Redis must
not, and neither should a program that talks to strangers.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

from instance.state import Trouble

NAME = "rollcall"
# Fallback for PostgreSQL and Redis only, if no account of our own can be made. It owns files of
# other services.
STAND_INS = ("postgres", "nobody")
ROOT = Path(__file__).resolve().parent.parent
PROBE_LIMIT_SECONDS = 30
_PROBE = "import django, gunicorn, celery, psycopg, instance.processes.programs, config.environment"


def make() -> list[str]:
    """Make the account as root unless it exists: a system account without login or home.

    Return notes for the operator.
    """
    if os.geteuid() != 0 or exists(NAME):
        return []
    program = shutil.which("useradd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if program is None:
        return [f"No account {NAME} can be made for Rollcall: there is no useradd."]
    done = subprocess.run(
        [
            *(program, "--system", "--user-group", "--no-create-home"),
            *("--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", NAME),
        ],
        capture_output=True,
        text=True,
    )
    if exists(NAME):  # another instance may have made it meanwhile
        return [f"The system account {NAME} was made for Rollcall's processes."]
    return [f"No account {NAME} can be made for Rollcall: {done.stderr.strip()}"]


def of_servers() -> str | None:
    """Return the user that runs PostgreSQL and Redis; None if not root: the current user. Raise
    Trouble."""
    if os.geteuid() != 0:
        return None
    for name in (NAME, *STAND_INS):
        if exists(name):
            return name
    raise Trouble(f"running as root needs an account: useradd --system {NAME}")


def why_not_programs(user: str) -> str:
    """Return the reason why Rollcall's own programs cannot run as `user`; "" if they can."""
    if user != NAME:
        return f"there is no account {NAME}"
    for path in (ROOT, Path(sys.prefix), Path(sys.executable), Path(sys.executable).resolve()):
        if closed := closed_folder(path, user):
            return f"{user} cannot enter {closed}"
    try:
        account = pwd.getpwnam(user)
        done = subprocess.run(
            [sys.executable, "-P", "-c", _PROBE],
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
            cwd=ROOT,
            user=account.pw_uid,
            group=account.pw_gid,
            extra_groups=[],
            capture_output=True,
            text=True,
            timeout=PROBE_LIMIT_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"as {user}, Python does not start: {error}"
    last_line = done.stderr.strip().rsplit("\n", 1)[-1]
    return f"as {user}, Python fails: {last_line}" if done.returncode else ""


def exists(name: str) -> bool:
    with contextlib.suppress(KeyError):
        return bool(pwd.getpwnam(name))
    return False


def closed_folder(path: Path, user: str) -> Path | None:
    """Return the first directory on the path that `user` cannot enter.

    Only the user's own account is considered, not its groups.
    """
    uid = pwd.getpwnam(user).pw_uid
    ways = {*path.absolute().parents, *path.resolve().parents}
    for folder in sorted(ways, key=lambda one: len(one.parts)):
        if not folder.exists():
            continue
        found = folder.stat()
        if not found.st_mode & (0o100 if found.st_uid == uid else 0o001):
            return folder
    return None


def give(folder: Path, user: str) -> None:
    """Give `folder` and its content to the account.

    Symbolic links are not followed. Files with more than one hard link keep their owner: the
    account may have linked somebody else's file.
    """
    found = pwd.getpwnam(user)
    os.chown(folder, found.pw_uid, found.pw_gid)
    for _, folders, files, descriptor in os.fwalk(folder):
        for name in (*folders, *files):
            there = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            if there.st_uid == found.pw_uid or (there.st_nlink > 1 and name in files):
                continue
            os.chown(name, found.pw_uid, found.pw_gid, dir_fd=descriptor, follow_symlinks=False)
