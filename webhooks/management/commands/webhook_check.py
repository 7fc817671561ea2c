"""Prove a gateway's route end to end, and say which hop fails."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from accounts.management.command import gateway_named
from webhooks.checking import Hop, check_route

WORKS, FAILS = 0, 1


class Command(BaseCommand):
    help = (
        "Send a test event of this gateway through PUBLIC_URL and follow it into the inbox. Exit "
        "code: 0 it arrived, 1 a hop fails."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--gateway", required=True, help="its name")
        parser.add_argument("--json", action="store_true", help="for scripts")

    def handle(self, *args: Any, **options: Any) -> None:
        gateway = gateway_named(options["gateway"])
        hops = []
        for hop in check_route(gateway):
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

    def _print(self, hop: Hop) -> None:
        word, style = {
            True: ("works", self.style.SUCCESS),
            False: ("FAILS", self.style.ERROR),
            None: ("–", self.style.WARNING),
        }[hop.works]
        self.stdout.write(f"{hop.name.ljust(8)} {style(word.ljust(5))} {hop.says}")
        if hop.cure:
            self.stdout.write(f"{' ' * 15}{hop.cure}")
