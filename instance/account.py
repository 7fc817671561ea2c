"""The account that an instance's processes run as when root starts it.

Root keeps the supervisor only, which opens no port. PostgreSQL refuses to run as root, Redis must
not, and what strangers speak to should not.
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
# For PostgreSQL and Redis alone, where no account of our own can be had: others' files are theirs.
STAND_INS = ("postgres", "nobody")
ROOT = Path(__file__).resolve().parent.parent
PROBE_LIMIT_SECONDS = 30
_PROBE = "import django, gunicorn, celery, psycopg, instance.processes.programs, config.environment"


def make() -> list[str]:
    """As root, make the account unless it exists: of the system, without login or home. What a
    person should know of it."""
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
    if exists(NAME):  # perhaps another instance was quicker
        return [f"The system account {NAME} was made for Rollcall's processes."]
    return [f"No account {NAME} can be made for Rollcall: {done.stderr.strip()}"]


def of_servers() -> str | None:
    """Who runs PostgreSQL and Redis; None: we ourselves, who are not root. Raises Trouble."""
    if os.geteuid() != 0:
        return None
    for name in (NAME, *STAND_INS):
        if exists(name):
            return name
    raise Trouble(f"running as root needs an account: useradd --system {NAME}")


def why_not_programs(user: str) -> str:
    """The reason why Rollcall's own programs cannot run as `user`; "" when they can."""
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
    """The first directory on the way that does not let `user` through. Its own account counts, its
    groups do not."""
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
    """Make `folder` and all in it the account's. No symbolic link is followed, and what has other
    names as well stays whose it is: the account may have made a link to somebody else's file."""
    found = pwd.getpwnam(user)
    os.chown(folder, found.pw_uid, found.pw_gid)
    for _, folders, files, descriptor in os.fwalk(folder):
        for name in (*folders, *files):
            there = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            if there.st_uid == found.pw_uid or (there.st_nlink > 1 and name in files):
                continue
            os.chown(name, found.pw_uid, found.pw_gid, dir_fd=descriptor, follow_symlinks=False)
