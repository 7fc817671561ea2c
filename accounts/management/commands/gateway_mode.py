from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from accounts.management.command import RegisteringCommand, gateway_named
from accounts.models import Gateway
from accounts.operators.provisioning import ensure_gateway


class Command(RegisteringCommand):
    help = "Set what is done automatically to a gateway: observe (nothing) or act."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name")
        parser.add_argument("mode", choices=Gateway.Mode.values)

    def register(self, options: dict[str, Any]) -> tuple[str, dict[str, object]]:
        gateway = gateway_named(options["name"])
        ensure_gateway(gateway.name, mode=options["mode"])
        return (
            f"Gateway {gateway.name} is in mode {options['mode']}",
            {"id": gateway.pk, "name": gateway.name, "mode": options["mode"]},
        )
