"""docs/connecting-a-gateway.md: a page for each kind in its own words, and commands that exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

from gateways.base import State
from gateways.kinds.standard.words import REASONS
from gateways.registry import KINDS, clients
from tests.docs.capabilities_table import row, table

PAGE = (Path(__file__).parents[2] / "docs" / "connecting-a-gateway.md").read_text()


def section(kind: str) -> str:
    return PAGE.partition(f"\n## {kind}\n")[2].partition("\n## ")[0]


def commands() -> list[str]:
    lines = re.findall(r"^\./run manage .*$", PAGE, re.MULTILINE)
    return sorted({line.split("#")[0].strip() for line in lines})


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_its_page_its_row_and_its_address(kind: str) -> None:
    assert f"\n## {kind}\n" in PAGE
    assert row(KINDS[kind]) in PAGE
    assert f"/api/webhooks/{kind}" in PAGE


def test_the_table_of_what_kinds_can_do_says_what_their_clients_say() -> None:
    assert table() in PAGE


@pytest.mark.parametrize("kind", clients())
def test_its_section_creates_a_session_as_the_kind_says(kind: str) -> None:
    assert f"\n```bash\n{KINDS[kind].session_recipe}\n```\n" in section(kind)


@pytest.mark.parametrize("line", commands())
def test_every_command_exists_with_its_options(line: str) -> None:
    name, *words = shlex.split(line.removeprefix("./run manage "))
    words = ["webjs" if word == "KIND" else word for word in words]
    command = load_command_class(get_commands()[name], name)
    if "--" not in words:  # what follows it belongs to another program
        command.create_parser("manage.py", name).parse_args(words)


@pytest.mark.parametrize("word", sorted([*REASONS, *State]))
def test_every_word_of_the_standard_kind_is_named(word: str) -> None:
    assert f"`{word}`" in PAGE.partition("## standard")[2]
