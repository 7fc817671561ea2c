from __future__ import annotations

import re
from argparse import ArgumentParser
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.management.base import CommandError
from django.utils.dateparse import parse_datetime

from accounts.management.command import RegisteringCommand, gateway_named
from accounts.models import Gateway, MaintenanceWindow
from accounts.state import maintenance
from accounts.store import clock
from gateways.wire.untrusted import printable

ACTOR = "command line"
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


class Command(RegisteringCommand):
    help = (
        "Start, plan or end maintenance of a gateway: it is read as usual, but absent sessions "
        "are not called lost, nothing is repaired there, and no alert is sent."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name")
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--for", dest="duration", help="30m, 2h, 1d; one under way ends then")
        what.add_argument(
            "--end", action="store_true", help="end it now, or cancel the next planned one"
        )
        parser.add_argument("--from", dest="starts", help="when it begins, as 2025-11-16T22:00Z")
        parser.add_argument("--why", default="", help="shown beside it")

    def register(self, options: dict[str, Any]) -> tuple[str, dict[str, object]]:
        gateway = gateway_named(options["name"])
        if options["end"] and options["starts"]:
            raise CommandError("--from says when one begins: leave it out to end one")
        window = _ended(gateway) if options["end"] else _begun(gateway, options)
        words = maintenance.words_for(window, clock.database_now())
        called_off = "" if window.pk else "cancelled: "
        return f"Gateway {gateway.name}: {called_off}{words}", _record(window)


def _ended(gateway: Gateway) -> MaintenanceWindow:
    return maintenance.end(gateway, actor=ACTOR)


def _begun(gateway: Gateway, options: dict[str, Any]) -> MaintenanceWindow:
    duration, why = _duration(options["duration"]), options["why"]
    if options["starts"] is None:
        return maintenance.begin(gateway, duration=duration, why=why, actor=ACTOR)
    starts_at = _moment(options["starts"])
    return maintenance.plan(gateway, starts_at=starts_at, duration=duration, why=why, actor=ACTOR)


def _duration(text: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,5})([mhd])", text, flags=re.ASCII)
    if found is None:
        raise CommandError(f"{printable(text, limit=50)!r} is no duration: say 30m, 2h or 1d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _moment(text: str) -> datetime:
    """Parse a moment; without a zone it is UTC."""
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None:
        raise CommandError(f"{printable(text, limit=50)!r} is no moment: say 2025-11-16T22:00Z")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _record(window: MaintenanceWindow) -> dict[str, object]:
    return {
        "gateway": window.gateway.name,
        "starts_at": window.starts_at.isoformat(),
        "ends_at": window.ends_at.isoformat(),
        "why": window.why,
    }
