"""List what is wrong now, for the terminal and for scripts."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.db import DatabaseError

from accounts.alerts.incident_list import Listed, as_record, as_text, listed
from accounts.management.command import CheckingCommand
from accounts.store import clock

NONE_OPEN, SOME_OPEN = 0, 2


class Command(CheckingCommand):
    help = "Show the open incidents. Exit code: 0 none is open, 2 some are, 1 an error."

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
