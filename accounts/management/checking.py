"""Base of the commands whose exit code is an answer."""

from __future__ import annotations

import sys
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandParser

ERROR = 1


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
