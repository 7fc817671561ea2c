"""`run` and `.ci/run`: the words, and what is missing on the machine, in plain English."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.instance.running import ROOT

TOOLS = (
    *("bash", "cat", "dirname", "env", "expand", "flock", "readlink", "rm", "sed", "sha256sum"),
    *("sh",),
)
REQUIREMENTS = ("requirements.txt", "requirements-embedded.txt", "requirements-test.txt")


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A fresh clone, as far as the script looks, and `bin/`: a machine without Python."""
    for name in ("run", *REQUIREMENTS):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "bin").mkdir()
    for name in TOOLS:
        (tmp_path / "bin" / name).symlink_to(str(shutil.which(name)))
    return tmp_path


def put(path: Path, script: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def run(bare: Path, *words: str, program: str = "run") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [bare / program, *words], env={"PATH": str(bare / "bin")}, capture_output=True, text=True
    )


def test_alone_it_lists_its_words(bare: Path) -> None:
    done = run(bare)
    assert done.returncode == 0
    words = [line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")]
    assert words == ["up", "manage", "test", "simulate", "bench", "lint", "format", "lock"]


def test_a_word_that_it_does_not_know_is_an_error(bare: Path) -> None:
    done = run(bare, "fly")
    assert done.returncode == 1
    assert done.stderr.endswith("rollcall: there is no word 'fly'\n")


def test_no_python_is_said_with_what_to_install(bare: Path) -> None:
    done = run(bare, "up")
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1
    assert "Python 3.11 or newer is needed, and python3 is not on PATH" in line
    assert "apt-get install python3 python3-venv" in line


def test_a_python_that_is_too_old_is_said_with_its_version(bare: Path) -> None:
    put(bare / "bin" / "python3", 'case "$2" in *exit*) exit 1;; *) echo is 3.9.2;; esac')
    (line,) = run(bare, "up").stderr.splitlines()
    assert "Python 3.11 or newer is needed, and python3 is 3.9.2" in line


def test_a_missing_venv_module_is_said_with_what_to_install(bare: Path) -> None:
    put(
        bare / "bin" / "python3",
        '[ "$1 $2" = "-m venv" ] && { echo no ensurepip; exit 1; }; exit 0',
    )
    done = run(bare, "up")
    assert done.returncode == 1
    assert "apt-get install python3-venv, then try again" in done.stderr.splitlines()[-1]
    assert "no ensurepip" in (bare / ".venv.log").read_text()
    assert not (bare / ".venv").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_checkout_of_somebody_else_is_said(bare: Path) -> None:
    bare.chmod(0o555)
    (line,) = run(bare, "up").stderr.splitlines()
    bare.chmod(0o755)
    assert line.endswith("act as its owner")


@pytest.mark.parametrize("failing", ["lint", "test"])
def test_ci_runs_both_and_fails_with_either(bare: Path, failing: str) -> None:
    put(bare / ".ci" / "run", "")
    shutil.copy(ROOT / ".ci" / "run", bare / ".ci" / "run")
    put(bare / "run", f'echo ran "$1"; [ "$1" != {failing} ]')
    done = run(bare, program=".ci/run")
    assert done.stdout == "ran lint\nran test\n"
    assert done.returncode == 1
    assert failing in done.stderr


def test_ci_passes_when_both_do(bare: Path) -> None:
    put(bare / ".ci" / "run", "")
    shutil.copy(ROOT / ".ci" / "run", bare / ".ci" / "run")
    put(bare / "run", "exit 0")
    assert run(bare, program=".ci/run").returncode == 0


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_requirements_are_hashed_and_name_no_registry(name: str) -> None:
    lines = (ROOT / name).read_text().splitlines()
    assert not [line for line in lines if "://" in line or line.startswith(("-i", "--index"))]
    pinned = [at for at, line in enumerate(lines) if line[:1].isalnum()]
    assert pinned
    assert all(lines[at].endswith("\\") and "--hash=sha256:" in lines[at + 1] for at in pinned)
