"""docs/settings.md names every setting that is read, and every check that can complain."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "settings.md").read_text()


def names_read() -> list[str]:
    source = (ROOT / "config" / "settings.py").read_text()
    return re.findall(
        r'environment\.(?:text|flag|number|choice|words|secret)\(\s*"([A-Z_]+)"', source
    )


def ids_of_checks() -> list[str]:
    sources = [path.read_text() for path in ROOT.glob("*/checks.py")]
    return sorted({name for source in sources for name in re.findall(r'id="([\w.]+)"', source)})


@pytest.mark.parametrize("name", names_read())
def test_it_describes_every_setting(name: str) -> None:
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize("name", ids_of_checks())
def test_it_describes_every_check(name: str) -> None:
    assert f"`{name}`" in PAGE
