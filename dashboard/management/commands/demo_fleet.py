from __future__ import annotations

import json
import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from accounts.models import Gateway
from accounts.operators.provisioning import ensure_gateway
from accounts.words.refusals import Conflict
from config import environment
from dashboard.management.demo import make_fleet, seeds


class Command(BaseCommand):
    help = (
        "Register the simulated gateway and a small fleet on it, and write down which sessions it "
        "holds at its first start. Doing it again changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--gateway-only", action="store_true", help="the gateway and its address, no accounts"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        gateway = _gateway()
        if options["gateway_only"]:
            self.stdout.write(f"Gateway {gateway.name} is at {gateway.base_url}.")
            return
        made = make_fleet(gateway)
        path = environment.text("SIMULATOR_STATE")
        written = bool(path) and _write_seeds(Path(path))
        self.stdout.write(
            f"Gateway {gateway.name}: {made} accounts made"
            f"{', and the simulator seeded' if written else ''}."
        )


def _gateway() -> Gateway:
    try:
        return ensure_gateway(
            environment.text("SIMULATOR_GATEWAY_NAME", "whatsapp-1"),
            base_url=_needed("SIMULATOR_URL"),
            api_key=_needed("SIMULATOR_API_KEY"),
            hmac_secret=_needed("SIMULATOR_HMAC_SECRET"),
        )[0]
    except Conflict as error:
        raise CommandError(str(error)) from error
    except ValidationError as error:
        raise CommandError("; ".join(error.messages)) from error


def _needed(name: str) -> str:
    value = environment.secret(name)
    if not value:
        raise CommandError(f"set {name}: ./run up does it by itself")
    return value


def _write_seeds(path: Path) -> bool:
    """True when it was written; a simulator that has run before keeps what it knows."""
    if path.exists():
        return False
    beside = path.with_name(path.name + ".new")
    beside.touch(mode=0o600)
    beside.write_text(json.dumps({"seeds": list(seeds())}, indent=1))
    os.replace(beside, path)
    return True
