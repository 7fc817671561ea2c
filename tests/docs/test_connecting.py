"""docs/connecting-a-gateway.md: a page for every kind, and commands that exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

from gateways.base import State
from gateways.kinds.standard.words import REASONS
from gateways.registry import KINDS

PAGE = (Path(__file__).parents[2] / "docs" / "connecting-a-gateway.md").read_text()


def commands() -> list[str]:
    lines = re.findall(r"^\./run manage .*$", PAGE, re.MULTILINE)
    return sorted({line.split("#")[0].strip() for line in lines})


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_its_page_its_row_and_its_address(kind: str) -> None:
    assert f"\n## {kind}\n" in PAGE
    assert f"| [`{kind}`](#{kind}) |" in PAGE
    assert f"/api/webhooks/{kind}" in PAGE


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
