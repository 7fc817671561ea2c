"""`./run test` alone runs everything, in parts side by side; whoever asks for less gets one."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from instance.commands.suite import BESIDE, means_all, worst
from tests.instance.running import ROOT, plain_environment


@pytest.mark.parametrize(
    "arguments", [[], ["-q"], ["-qx", "--durations=25"], ["-p", "no:cacheprovider", "--tb=short"]]
)
def test_what_only_changes_how_much_is_said_means_all(arguments):
    assert means_all(arguments)


@pytest.mark.parametrize(
    "arguments",
    [["tests/flows"], ["-q", "tests/test_arrows.py::test_it"], ["-k", "word"], ["--lf"], ["--pdb"]]
    + [["--junitxml=report.xml"], ["-p", "randomly", "-p", "no:cacheprovider"]],
)
def test_anything_else_is_one_run(arguments):
    assert not means_all(arguments)


@pytest.mark.parametrize(
    ("codes", "code"),
    [([0, 0], 0), ([1, 0, 0], 1), ([0, 2], 2), ([0, 0, 1], 1), ([0, 5], 0), ([5, 5], 5)],
)
def test_it_fails_when_any_part_fails(codes, code):
    assert worst(codes) == code


def test_what_runs_beside_is_there():
    paths = [path for part in BESIDE for path in part]
    assert all((ROOT / path).is_dir() for path in paths)
    assert len(paths) == len(set(paths))


def test_coverage_is_printed_with_its_branches_and_leaves_no_file():
    before = set(ROOT.glob(".coverage*"))
    measured = subprocess.run(
        [
            *[sys.executable, "-P", "-m", "instance", "test", "--coverage", "-q"],
            *["-p", "no:cacheprovider", "tests/config/test_environment.py"],
        ],
        env=plain_environment(),
        capture_output=True,
        text=True,
    )
    assert measured.returncode == 0, measured.stdout + measured.stderr
    assert re.search(r"^Name +Stmts +Miss +Branch +BrPart +Cover", measured.stdout, re.MULTILINE)
    assert re.search(r"^TOTAL( +\d+){4} +\d+%$", measured.stdout, re.MULTILINE)
    assert set(ROOT.glob(".coverage*")) == before
