"""docs/glossary.md: every word is used elsewhere, every file exists."""

from __future__ import annotations

import re

import pytest

from tests.arrows import MAY_IMPORT
from tests.instance.running import ROOT

PAGE = ROOT / "docs" / "glossary.md"
ROWS = re.findall(r"^\| \*\*(.+?)\*\* \| (.+?) \| (.+) \|$", PAGE.read_text(), flags=re.MULTILINE)


def elsewhere() -> str:
    """Return all other pages and all sources, in lower case, with spaces for "_" and "-"."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    sources = [path for room in MAY_IMPORT for path in sorted((ROOT / room).rglob("*.py"))]
    text = " ".join(path.read_text() for path in (*pages, *sources) if path != PAGE)
    return re.sub(r"[\s_-]+", " ", text.lower())


@pytest.fixture(scope="module")
def text() -> str:
    return elsewhere()


def test_it_defines_each_word_once() -> None:
    words = [word for word, _, _ in ROWS]
    assert len(words) >= 24
    assert sorted(set(words)) == sorted(words)


@pytest.mark.parametrize("word", [word for word, _, _ in ROWS])
def test_every_word_is_used_elsewhere(word: str, text: str) -> None:
    assert re.search(rf"\b{word.replace('-', ' ')}", text)


@pytest.mark.parametrize(("word", "places"), [(word, places) for word, _, places in ROWS])
def test_every_word_names_files_that_exist(word: str, places: str) -> None:
    named = re.findall(r"`([^`]+)`", places)
    assert named, word
    assert [path for path in named if not (ROOT / path).exists()] == []
