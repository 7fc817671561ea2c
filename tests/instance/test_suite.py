"""`./run test` alone runs everything, in two runs at once; whoever asks for less gets one."""

from __future__ import annotations

import pytest

from instance.suite import BESIDE, means_all, worst
from tests.instance.running import ROOT


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
    ("codes", "code"), [([0, 0], 0), ([1, 0], 1), ([0, 2], 2), ([0, 5], 0), ([5, 5], 5)]
)
def test_it_fails_when_either_run_fails(codes, code):
    assert worst(codes) == code


def test_what_runs_beside_is_there():
    assert all((ROOT / path).is_dir() for path in BESIDE)
