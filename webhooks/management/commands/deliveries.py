"""The inbox in a terminal, newest first, and for scripts."""

from __future__ import annotations

import json
import re
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.dateparse import parse_datetime

from accounts import clock
from accounts.explain import age
from accounts.management.command import gateway_named
from gateways.text import printable
from webhooks.models import Delivery

_SPAN = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _limit(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 10_000:
        raise ArgumentTypeError("a number from 1 to 10000")
    return int(text)


class Command(BaseCommand):
    help = "Show webhooks and what became of them, newest first."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--gateway", help="only of this one, by name")
        parser.add_argument("--state", choices=Delivery.State.values, help="only in this state")
        parser.add_argument("--since", help="30s, 10m, 2h, 3d, or a time like 2026-11-24T12:00Z")
        parser.add_argument("--limit", type=_limit, default=50, help="at most so many (50)")
        parser.add_argument("--json", action="store_true", help="for scripts")

    def handle(self, *args: Any, **options: Any) -> None:
        now = clock.database_now()
        rows = Delivery.objects.select_related("gateway").order_by("-id")
        if options["gateway"]:
            rows = rows.filter(gateway=gateway_named(options["gateway"]))
        if options["state"]:
            rows = rows.filter(state=options["state"])
        if options["since"]:
            rows = rows.filter(received_at__gte=since(options["since"], now))
        found = list(rows.defer("said")[: options["limit"]])
        if options["json"]:
            self.stdout.write(json.dumps({"deliveries": [_record(row) for row in found]}))
        else:
            self._print(found, now)

    def _print(self, found: list[Delivery], now: datetime) -> None:
        for line in _lines(found, now):
            self.stdout.write(line)
        count = f"{len(found)} deliver{'y' if len(found) == 1 else 'ies'}"
        self.stdout.write(f"{count}, newest first." if found else "No delivery fits.")


def since(text: str, now: datetime) -> datetime:
    """Raises CommandError."""
    if span := _SPAN.fullmatch(text):
        return now - timedelta(**{_UNITS[span[2]]: int(span[1])})
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None:
        raise CommandError(f"--since {text!r}: give 30s, 10m, 2h, 3d, or 2026-11-24T12:00Z")
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
