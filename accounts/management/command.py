"""Bases of our commands: those that register print JSON or a sentence, and one line for a mistake;
those that check answer with their exit code."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, ArgumentTypeError, _ActionsContainer
from pathlib import Path
from typing import Any, NoReturn

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from accounts.models import Account, Gateway
from accounts.store.row_ids import LARGEST_ID, row_id
from accounts.words.refusals import Conflict, Refused
from gateways.wire.untrusted import printable

ERROR = 1


class RegisteringCommand(BaseCommand):
    """Command whose `register` does the work and returns the sentence and the record to print."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            sentence, record = self.register(options)
        except (Conflict, Refused, CommandError) as error:
            raise _mistake(str(error)) from error
        except ValidationError as error:
            raise _mistake("; ".join(error.messages)) from error
        except DatabaseError as error:
            # Only the first line: the rest may show the row.
            raise _mistake(f"the database refused: {str(error).splitlines()[0]}") from error
        self.stdout.write(json.dumps(record) if options["json"] else _line(sentence))

    def register(self, options: dict[str, Any]) -> tuple[str, dict[str, object]]:
        raise TypeError(f"{type(self).__name__} registers nothing")


def an_id(text: str) -> int:
    """An argument's type. Raises ArgumentTypeError."""
    pk = row_id(text)
    if pk is None:
        raise ArgumentTypeError(f"an id is a whole number from 1 to {LARGEST_ID}")
    return pk


def add_secret(parser: _ActionsContainer, option: str, *, help: str) -> None:
    """Add an option for a secret. It may come from standard input or a file, because everybody on
    the machine can read a command line."""
    parser.add_argument(option, help=f'{help}; "-": the next line of standard input')
    parser.add_argument(f"{option}-file", type=Path, metavar="PATH", help="a file that holds it")


def secret(options: dict[str, Any], name: str) -> str | None:
    """Return the given secret; None if there is none. Raises CommandError."""
    given, path = options[name], options[f"{name}_file"]
    option = f"--{name.replace('_', '-')}"
    if path is not None:
        if given is not None:
            raise CommandError(f"give {option} or {option}-file, not both")
        return _of_file(path, f"{option}-file")
    if given != "-":
        return None if given is None else str(given)
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise CommandError(f"{option} -: standard input has no line for it")
    return line


def _of_file(path: Path, option: str) -> str:
    try:
        content = path.read_text().strip()
    except OSError as error:
        raise CommandError(f"{option} {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CommandError(f"{option} {path} is not text") from None
    if not content:
        raise CommandError(f"{option} {path} is empty")
    return content


def _line(text: str) -> str:
    """Make text printable, because foreign names must not control the terminal."""
    return printable(text, limit=2000)


def _mistake(text: str) -> CommandError:
    return CommandError(_line(text))


def gateway_named(name: str) -> Gateway:
    try:
        return Gateway.objects.get(name=name)
    except Gateway.DoesNotExist:
        known = ", ".join(Gateway.objects.values_list("name", flat=True)) or "none yet"
        raise CommandError(f"there is no gateway {name!r}; there are: {known}") from None


def account_record(account: Account) -> dict[str, object]:
    return {
        "id": account.pk,
        "uuid": str(account.uuid),
        "workspace_id": account.workspace_id,
        "gateway": account.gateway.name,
        "phone_number": account.phone_number,
        "session_id": account.session_id,
        "status": account.status,
        "reason": account.status_reason,
        "wanted": account.wanted,
    }


class CheckingCommand(BaseCommand):
    """Command whose exit code scripts read: 0 all is well, 1 an error, 2 something to see."""

    requires_system_checks = ()

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = _Parser(prog=f"./run manage {subcommand}", description=self.help)
        self.add_base_argument(parser, "--no-color", action="store_true", help="plain text")
        self.add_base_argument(parser, "--force-color", action="store_true", help="colours")
        parser.set_defaults(
            verbosity=1, settings=None, pythonpath=None, traceback=False, skip_checks=True
        )
        self.add_arguments(parser)
        return parser


class _Parser(CommandParser):
    """Parser that exits with 1 on wrong usage: argparse's own code 2 is "something to see" here."""

    def error(self, message: str) -> NoReturn:
        print(f"{self.prog.split()[-1]}: {message}", file=sys.stderr)
        sys.exit(ERROR)
