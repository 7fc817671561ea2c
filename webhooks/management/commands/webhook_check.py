"""Test a gateway's route end to end, and name the hop that fails."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.management.command import gateway_named
from accounts.models import Gateway
from gateways.registry import KINDS
from webhooks.route_check.compare import Hop
from webhooks.route_check.round_trip import check_route
from webhooks.route_check.subscriptions import fix_hop

WORKS, FAILS = 0, 1
DETAILS_SHOWN = 20


class Command(BaseCommand):
    help = (
        "Send a test event of this gateway through PUBLIC_URL and follow it into the inbox. Exit "
        "code: 0 it arrived, 1 a hop fails."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        can = [name for name, kind in KINDS.items() if kind.subscriptions]
        parser.add_argument("--gateway", required=True, help="its name")
        parser.add_argument(
            "--fix",
            action="store_true",
            help=f"first set the right URL in the gateway, where its API can ({', '.join(can)})",
        )
        parser.add_argument(
            "--yes",
            action="store_true",
            help="… also where that restarts sessions, or cuts off others",
        )
        parser.add_argument("--json", action="store_true", help="for scripts")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["yes"] and not options["fix"]:
            raise CommandError("--yes consents to what --fix does: give both")
        gateway = gateway_named(options["gateway"])
        hops = []
        for hop in self._hops(gateway, fix=options["fix"], consents=options["yes"]):
            hops.append(hop)
            if not options["json"]:
                self._print(hop)
        works = all(hop.works is not False for hop in hops)
        if options["json"]:
            record = {
                "gateway": gateway.name,
                "works": works,
                "hops": [asdict(hop) for hop in hops],
            }
            self.stdout.write(json.dumps(record))
        sys.exit(WORKS if works else FAILS)

    def _hops(self, gateway: Gateway, *, fix: bool, consents: bool) -> Iterator[Hop]:
        if fix:
            yield fix_hop(gateway, consents=consents)
        yield from check_route(gateway)

    def _print(self, hop: Hop) -> None:
        word, style = {
            True: ("works", self.style.SUCCESS),
            False: ("FAILS", self.style.ERROR),
            None: ("–", self.style.WARNING),
        }[hop.works]
        self.stdout.write(f"{hop.name.ljust(10)} {style(word.ljust(5))} {hop.says}")
        shown = [*hop.details[:DETAILS_SHOWN]]
        if len(hop.details) > len(shown):
            shown.append(f"… and {len(hop.details) - len(shown)} more: --json names them all")
        for line in (*shown, hop.cure):
            if line:
                self.stdout.write(f"{' ' * 17}{line}")
