"""The inbox in a terminal, newest first, also for scripts: list, redeliver or discard
deliveries."""

from __future__ import annotations

import json
import re
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import QuerySet
from django.utils.dateparse import parse_datetime

from accounts.explain.explanation import age
from accounts.management.command import an_id, gateway_named
from accounts.store import clock
from accounts.store.row_ids import row_id
from gateways.wire.untrusted import printable
from webhooks.inbox.redeliver import add_up, discard, foresee, redeliver, why_not_redelivered
from webhooks.models import Delivery

# In one transaction, which locks the rows of all their accounts.
AT_ONCE = 100

_SPAN = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _limit(text: str) -> int:
    number = row_id(text)
    if number is None or number > 10_000:
        raise ArgumentTypeError("a number from 1 to 10000")
    return number


def _reason(text: str) -> str:
    if not text.strip():
        raise ArgumentTypeError("say why")
    return text.strip()


class Command(BaseCommand):
    help = (
        "Show webhooks and what became of them, newest first; with --redeliver or --discard, act "
        "on those that the filters name."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--id", type=an_id, action="append", help="only this one; may be repeated"
        )
        parser.add_argument("--gateway", help="only of this one, by name")
        parser.add_argument("--state", choices=Delivery.State.values, help="only in this state")
        parser.add_argument("--since", help="30s, 10m, 2h, 3d, or a time like 2026-11-24T12:00Z")
        parser.add_argument("--limit", type=_limit, default=50, help="at most so many (50)")
        parser.add_argument("--json", action="store_true", help="for scripts")
        acts = parser.add_mutually_exclusive_group()
        acts.add_argument("--redeliver", action="store_true", help="apply them once more")
        acts.add_argument("--discard", metavar="REASON", type=_reason, help="never try them again")
        parser.add_argument(
            "--plan", action="store_true", help="with --redeliver: say what it would change"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        now = clock.database_now()
        _refuse_nonsense(options)
        found = list(_asked_for(options, now)[: options["limit"]])
        if options["redeliver"]:
            self._say(_redelivered(found, plan=options["plan"]), options)
        elif options["discard"]:
            self._say(_discarded(found, why=options["discard"]), options)
        elif options["json"]:
            self.stdout.write(json.dumps({"deliveries": [_record(row) for row in found]}))
        else:
            self._print(found, now)

    def _say(self, outcome: CommandOutcome, options: dict[str, Any]) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(outcome.record))
        else:
            self.stdout.write(outcome.text)

    def _print(self, found: list[Delivery], now: datetime) -> None:
        for line in _lines(found, now):
            self.stdout.write(line)
        count = f"{len(found)} deliver{'y' if len(found) == 1 else 'ies'}"
        self.stdout.write(f"{count}, newest first." if found else "No delivery fits.")


def _refuse_nonsense(options: dict[str, Any]) -> None:
    """Raise CommandError for options that contradict each other."""
    if options["plan"] and not options["redeliver"]:
        raise CommandError("--plan goes with --redeliver")
    acts = options["redeliver"] or options["discard"]
    if acts and not any(options[name] for name in ("id", "gateway", "state", "since")):
        raise CommandError("say which ones: --id, --state, --gateway or --since")


def _asked_for(options: dict[str, Any], now: datetime) -> QuerySet[Delivery]:
    rows = Delivery.objects.select_related("gateway").order_by("-id")
    if options["id"]:
        rows = rows.filter(pk__in=options["id"])
    if options["gateway"]:
        rows = rows.filter(gateway=gateway_named(options["gateway"]))
    if options["state"]:
        rows = rows.filter(state=options["state"])
    if options["since"]:
        rows = rows.filter(received_at__gte=since(options["since"], now))
    return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandOutcome:
    text: str
    record: dict[str, object]


def _redelivered(found: list[Delivery], *, plan: bool) -> CommandOutcome:
    """Redeliver, oldest first, a few in each transaction; a plan previews each batch separately."""
    can = sorted(
        (row for row in found if not why_not_redelivered(row)),
        key=lambda row: (row.received_at, row.pk),
    )
    act = foresee if plan else redeliver
    whole = add_up(
        act(row.pk for row in can[start : start + AT_ONCE]) for start in range(0, len(can), AT_ONCE)
    )
    verb, changes = ("Would redeliver", "would change") if plan else ("Redelivered", "changed")
    said = f"{verb} {_counted(len(can), len(found))}: {changes} {whole}."
    return CommandOutcome(
        text=printable(said, limit=4000),
        record={
            "plan": plan,
            "redelivered": len(can),
            "left_alone": len(found) - len(can),
            "changes": [
                {"account": one.account, "was": one.was, "now": one.now} for one in whole.changes
            ],
            "states": dict(whole.states),
        },
    )


def _discarded(found: list[Delivery], *, why: str) -> CommandOutcome:
    number = discard((row.pk for row in found), why=why, actor="command line")
    return CommandOutcome(
        text=f"Discarded {_counted(number, len(found))}.",
        record={"discarded": number, "left_alone": len(found) - number},
    )


def _counted(number: int, of: int) -> str:
    left = f" ({of - number} left alone: in no state for that)" if of > number else ""
    return f"{number} deliver{'y' if number == 1 else 'ies'}{left}"


def since(text: str, now: datetime) -> datetime:
    """Return the start of the period. Raise CommandError."""
    try:
        if span := _SPAN.fullmatch(text):
            return now - timedelta(**{_UNITS[span[2]]: int(span[1])})
        moment = parse_datetime(text)
    except (ValueError, OverflowError):
        moment = None
    if moment is None:
        said = printable(text, limit=100)
        raise CommandError(f"--since {said!r}: give 30s, 10m, 2h, 3d, or 2026-11-24T12:00Z")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _record(row: Delivery) -> dict[str, object]:
    return {
        "id": row.pk,
        "gateway": row.gateway.name,
        "event": row.event,
        "session_id": row.session_id,
        "account_id": row.account_id,
        "state": row.state,
        "error": row.error,
        "attempts": row.attempts,
        "received_at": row.received_at.isoformat(),
        "next_attempt_at": row.next_attempt_at.isoformat() if row.next_attempt_at else None,
    }


def _lines(found: Iterable[Delivery], now: datetime) -> Iterable[str]:
    cells = [
        [
            str(row.pk),
            f"{age(row.received_at, now)} ago",
            printable(row.gateway.name, limit=20),
            printable(row.event, limit=28),
            printable(row.session_id or "–", limit=36),
            row.state,
            printable(row.error, limit=80),
        ]
        for row in found
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
