"""What is wrong now, for the terminal and for scripts."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from accounts import clock
from accounts.incident_list import Listed, as_record, as_text, listed

NONE_OPEN, ERROR, SOME_OPEN = 0, 1, 2


class _Parser(CommandParser):
    """Wrong usage is an error (1), not an open incident (2, which is argparse's own exit code)."""

    def error(self, message: str) -> NoReturn:
        print(f"incidents: {message}", file=sys.stderr)
        sys.exit(ERROR)


class Command(BaseCommand):
    help = "Show the open incidents. Exit code: 0 none is open, 2 some are, 1 an error."
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

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="for scripts")
        parser.add_argument("--all", action="store_true", help="closed ones too, at most 200")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = listed(with_closed=options["all"])
            now = clock.database_now()
        except DatabaseError as error:
            reason = str(error).strip().splitlines()[0]
            raise CommandError(f"the database does not answer: {reason}") from None
        if options["json"]:
            self.stdout.write(json.dumps([as_record(incident) for incident in found.incidents]))
        else:
            self.stdout.write(as_text(found, now))
        sys.exit(_exit_code(found))


def _exit_code(found: Listed) -> int:
    return SOME_OPEN if any(one.closed_at is None for one in found.incidents) else NONE_OPEN
