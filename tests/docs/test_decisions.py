"""Whatever Rollcall is built on has its reason written down."""

from __future__ import annotations

import re

import pytest

from tests.instance.running import ROOT

REQUIREMENTS = (ROOT / "requirements.in").read_text()
REASONS = (ROOT / "docs/decisions.md").read_text().split("## Dependencies")[1].lower()


@pytest.mark.parametrize("package", re.findall(r"^[\w-]+", REQUIREMENTS, re.M))
def test_every_dependency_has_its_reason(package: str) -> None:
    assert re.search(rf"^\| [^|]*\b{package.lower()}\b", REASONS, re.M)
