"""Numbers on a command line that are none, or larger than any: a clear line, never a traceback."""

from __future__ import annotations

import subprocess
import sys
from argparse import Action
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import (
    CommandError,
    call_command,
    find_commands,
    load_command_class,
)

from tests.cast import make_cast

# Python reads no number of more than 4,300 digits, and PostgreSQL's bigint ends with 19 of them.
NO_NUMBERS = ["9" * 5000, "9" * 30, str(2**63), "-1", "٣" * 30, "²", ""]
LONGEST_LINE = 400
# Every command that takes a number, with a place for one.
COMMANDS = [
    "account_add --gateway whatsapp-1 --session-id new --workspace={}",
    "workspace_add --name New --id={}",
    "account_explain={}",
    "deliveries --id={}",
    "deliveries --limit={}",
    "deliveries --since={}d",
    "gateway_maintenance whatsapp-1 --for={}d",
    "monitor_sessions --watch={}",
]
# An option with a type of its own that is a text.
NO_NUMBER = {("deliveries", "--discard")}
MANAGE = Path(settings.BASE_DIR) / "manage.py"


def words(command: str, given: str) -> list[str]:
    """`name={}` where the number is an argument without an option."""
    name, *rest = command.split()
    name, *argument = name.split("=")
    return [name, *[word.format(given) for word in (["--", *argument] if argument else rest)]]


@pytest.mark.django_db
@pytest.mark.parametrize("given", NO_NUMBERS, ids=lambda given: repr(given[:20]))
@pytest.mark.parametrize("command", COMMANDS)
def test_a_number_that_is_none_is_refused_in_one_line(command, given, capsys):
    make_cast()
    with pytest.raises((CommandError, SystemExit)) as ended:
        call_command(*words(command, given))
    code = getattr(ended.value, "returncode", getattr(ended.value, "code", 0))
    line = f"{ended.value}{capsys.readouterr().err}"
    assert code in (1, 2) and len(line) < LONGEST_LINE, line[:1000]


@pytest.mark.parametrize("command", ["deliveries --id={}", "monitor_sessions --watch={}"])
def test_it_ends_with_a_line_and_a_code_as_a_process_too(command):
    ended = subprocess.run(
        [sys.executable, str(MANAGE), *words(command, NO_NUMBERS[0])],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode in (1, 2) and "Traceback" not in ended.stderr
    assert ended.stderr.strip() and ended.stdout == ""


def test_every_option_that_is_read_as_more_than_text_is_tried_here():
    """An option with a type of its own: it is in the table above, or is no number."""
    tried = {tuple(command.replace("={}", "").replace("{}", "").split()) for command in COMMANDS}
    named = {(names[0], names[-1]) for names in tried}
    found = {(name, one.option_strings[-1]) for name, one in _options() if _may_be_a_number(one)}
    assert (
        {("account_add", "--workspace"), ("monitor_sessions", "--watch")}
        <= found
        <= named | NO_NUMBER
    )


def _options() -> list[tuple[str, Action]]:
    ours = [
        app for app in apps.get_app_configs() if Path(app.path).parent == Path(settings.BASE_DIR)
    ]
    return [
        (name, action)
        for app in ours
        for name in find_commands(str(Path(app.path) / "management"))
        for action in load_command_class(app.name, name).create_parser("manage.py", name)._actions
        if action.option_strings
    ]


def _may_be_a_number(option: Action) -> bool:
    return option.type not in (None, str, Path) and option.dest != "verbosity"  # Django's
