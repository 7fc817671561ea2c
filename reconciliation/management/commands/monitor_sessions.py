"""The health check: one roll call now, of every gateway or of one."""

from __future__ import annotations

import json
import shutil
import sys
from argparse import ArgumentParser
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.core.management.base import CommandError
from django.db import DatabaseError, connection

from accounts.management.checking import ERROR, CheckingCommand
from accounts.management.command import gateway_named
from accounts.models import Gateway
from gateways.text import printable
from reconciliation.report import Report, as_json
from reconciliation.rollcall import call_roll_now, plan_roll
from reconciliation.table import print_table

IN_SYNC, DRIFT = 0, 2
PASSES_AT_ONCE = 8
PIPE_WIDTH, LEAST_WIDTH = 200, 60
WAIT_SECONDS = 25.0  # for a pass that is under way


class Command(CheckingCommand):
    help = (
        "Call the roll now and mend what differs. Exit code: 0 in sync, 2 drift was found (and "
        "mended, unless --plan), 1 an error or a gateway that could not be read; 1 beats 2."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--plan", action="store_true", help="change nothing")
        parser.add_argument("--json", action="store_true", help="for scripts")
        parser.add_argument("--gateway", help="only this one, by name")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            reports = _reports(_gateways(options["gateway"]), plan=options["plan"])
        except DatabaseError as error:
            reason = str(error).strip().splitlines()[0]
            raise CommandError(f"the database failed: {reason}") from None
        if options["json"]:
            self._print_json(reports)
        else:
            width = max(LEAST_WIDTH, shutil.get_terminal_size((PIPE_WIDTH, 0)).columns)
            print_table(reports, self.stdout, self.style, plan=options["plan"], width=width)
        sys.exit(_exit_code(reports))

    def _print_json(self, reports: list[Report]) -> None:
        """Its shape has no room for why a gateway could not be seen: that is for people."""
        self.stdout.write(json.dumps(as_json(reports)))
        for report in reports:
            if not report.is_sighted:
                self.stderr.write(printable(f"{report.gateway}: {report.why}", limit=500))


def _gateways(name: str | None) -> list[int]:
    if name is not None:
        return [gateway_named(name).pk]
    return list(Gateway.objects.order_by("name").values_list("pk", flat=True))


def _reports(gateway_ids: list[int], *, plan: bool) -> list[Report]:
    """Several at once: each mostly waits for its gateway."""
    one = plan_roll if plan else call_roll_now
    if len(gateway_ids) <= 1:
        return [one(pk, wait_seconds=WAIT_SECONDS) for pk in gateway_ids]

    def in_thread(pk: int) -> Report:
        try:
            return one(pk, wait_seconds=WAIT_SECONDS)
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=PASSES_AT_ONCE) as pool:
        return list(pool.map(in_thread, gateway_ids))


def _exit_code(reports: list[Report]) -> int:
    if not all(report.is_sighted for report in reports):
        return ERROR
    return DRIFT if any(report.findings for report in reports) else IN_SYNC
