"""The health check: one roll call now, of every gateway or one; planned, applied, or followed."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings
from django.core.management.base import CommandError
from django.db import DatabaseError, connection

from accounts.management.command import ERROR, CheckingCommand, gateway_named
from accounts.models import Gateway
from accounts.store import clock
from accounts.store.database import release_connection
from accounts.store.row_ids import row_id
from gateways.wire.untrusted import printable
from reconciliation.cli.apply import apply_plan, plan_roll
from reconciliation.cli.follow import Follower
from reconciliation.cli.plan import GatewayPlan, NoPlan, applied_as_json, as_text, from_text
from reconciliation.cli.table import print_applied, print_table
from reconciliation.rollcall.roll_call import call_roll_now
from reconciliation.rollcall.values import Report, as_json

IN_SYNC, DRIFT = 0, 2
PASSES_AT_ONCE = 8
PIPE_WIDTH, LEAST_WIDTH = 200, 60
WAIT_SECONDS = 25.0  # for a roll call that is under way
LONGEST_WATCH_SECONDS = 3600
Found = TypeVar("Found")


class Command(CheckingCommand):
    help = (
        "Call the roll now and fix what differs. Exit code: 0 in sync, 2 drift was found (and "
        "fixed, unless --plan), 1 an error or a gateway that could not be read; 1 beats 2. With "
        "--apply: 0 all was done, 2 something was refused, 1 an error. --watch ends with 0."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--plan", action="store_true", help="change nothing")
        what.add_argument(
            "--apply", metavar="PLAN", help="do what this plan says, if it still fits"
        )
        parser.add_argument(
            "--out", metavar="FILE", help="with --plan: write it there, to apply it"
        )
        parser.add_argument(
            "--watch",
            nargs="?",
            type=_watched_seconds,
            metavar="SECONDS",
            const=settings.ROLL_CALL_EVERY_SECONDS,
            help="go on, one line for each change, until Ctrl-C",
        )
        parser.add_argument("--json", action="store_true", help="for scripts")
        parser.add_argument("--gateway", help="only this one, by name")

    def handle(self, *args: Any, **options: Any) -> None:
        _refuse_mixed(options)
        try:
            code = self._code(options)
        except DatabaseError as error:
            reason = str(error).strip().splitlines()[0]
            raise CommandError(f"the database failed: {reason}") from None
        sys.exit(code)

    def _code(self, options: dict[str, Any]) -> int:
        if options["apply"] is not None:
            return self._apply(options)
        gateway_ids = _gateways(options["gateway"])
        if options["watch"] is not None:
            return self._watch(gateway_ids, options)
        if options["plan"]:
            reports = self._plan(gateway_ids, options["out"])
        else:
            reports = _reports(gateway_ids)
        if options["json"]:
            self._print_json(reports)
        else:
            print_table(reports, self.stdout, self.style, plan=options["plan"], width=_width())
        return _exit_code(reports)

    def _plan(self, gateway_ids: Sequence[int], out: str | None) -> list[Report]:
        made_at = clock.database_now()
        made = _each(gateway_ids, lambda pk: plan_roll(pk, wait_seconds=WAIT_SECONDS))
        if out is not None:
            _write(out, as_text([plan for _, plan in made], made_at))
        return [report for report, _ in made]

    def _apply(self, options: dict[str, Any]) -> int:
        plans = _read(options["apply"])
        if options["gateway"] is not None:
            plans = [plan for plan in plans if plan.name == options["gateway"]]
            if not plans:
                raise CommandError(f"the plan says nothing of gateway {options['gateway']!r}")
        done = _each(plans, lambda plan: apply_plan(plan, wait_seconds=WAIT_SECONDS))
        applied = [one for entries in done for one in entries]
        if options["json"]:
            self.stdout.write(json.dumps(applied_as_json(applied)))
        else:
            print_applied(applied, self.stdout, self.style, width=_width())
        return DRIFT if any(one.refusals for one in applied) else IN_SYNC

    def _watch(self, gateway_ids: Sequence[int], options: dict[str, Any]) -> int:
        follower = Follower()
        try:
            while True:
                reports = _planned(gateway_ids) if options["plan"] else _reports(gateway_ids)
                for change in follower.changes(reports):
                    line = json.dumps(change.record()) if options["json"] else str(change)
                    self.stdout.write(line)
                self.stdout.flush()
                release_connection()
                time.sleep(options["watch"])
        except KeyboardInterrupt:
            return IN_SYNC

    def _print_json(self, reports: list[Report]) -> None:
        """Print JSON. Its fixed shape has no field for why a gateway could not be seen: that goes
        to stderr."""
        self.stdout.write(json.dumps(as_json(reports)))
        for report in reports:
            if not report.is_sighted:
                self.stderr.write(printable(f"{report.gateway}: {report.why}", limit=500))


def _refuse_mixed(options: dict[str, Any]) -> None:
    watch = options["watch"]
    if options["out"] is not None and not options["plan"]:
        raise CommandError("--out goes with --plan: it says where the plan is written")
    if watch is not None and (options["apply"] is not None or options["out"] is not None):
        raise CommandError("--watch goes neither with --apply nor with --out")


def _watched_seconds(text: str) -> int:
    """An argument's type. Raise ArgumentTypeError."""
    seconds = row_id(text)
    if seconds is None or seconds > LONGEST_WATCH_SECONDS:
        raise ArgumentTypeError(f"give 1 to {LONGEST_WATCH_SECONDS} seconds")
    return seconds


def _gateways(name: str | None) -> list[int]:
    if name is not None:
        return [gateway_named(name).pk]
    return list(Gateway.objects.order_by("name").values_list("pk", flat=True))


def _reports(gateway_ids: Sequence[int]) -> list[Report]:
    return _each(gateway_ids, lambda pk: call_roll_now(pk, wait_seconds=WAIT_SECONDS))


def _planned(gateway_ids: Sequence[int]) -> list[Report]:
    made = _each(gateway_ids, lambda pk: plan_roll(pk, wait_seconds=WAIT_SECONDS))
    return [report for report, _ in made]


def _each(many: Sequence[Any], one: Callable[[Any], Found]) -> list[Found]:
    """Run several at once: each mostly waits for its gateway."""
    if len(many) <= 1:
        return [one(each) for each in many]

    def in_thread(each: Any) -> Found:
        try:
            return one(each)
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=PASSES_AT_ONCE) as pool:
        return list(pool.map(in_thread, many))


def _write(name: str, text: str) -> None:
    """Write the file for its owner only: it holds phone numbers and session ids."""
    try:
        with open(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
    except OSError as error:
        raise CommandError(f"the plan cannot be written to {name}: {error.strerror}") from None


def _read(name: str) -> list[GatewayPlan]:
    try:
        return from_text(Path(name).read_text())
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise CommandError(f"{name} cannot be read: {why}") from None
    except NoPlan as error:
        raise CommandError(f"{name} is no plan: {error}") from None


def _width() -> int:
    return max(LEAST_WIDTH, shutil.get_terminal_size((PIPE_WIDTH, 0)).columns)


def _exit_code(reports: Sequence[Report]) -> int:
    if not all(report.is_sighted for report in reports):
        return ERROR
    return DRIFT if any(report.findings for report in reports) else IN_SYNC
