from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from accounts.alerts.channels import ensure_channel
from accounts.management.command import RegisteringCommand, add_secret, secret
from accounts.models import Channel


class Command(RegisteringCommand):
    help = "Add a channel that alerts are sent through, or give the one of this name a new target."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--name", required=True)
        target = parser.add_mutually_exclusive_group(required=True)
        target.add_argument("--email", help="addresses, separated by commas")
        add_secret(target, "--apprise", help="an Apprise URL")

    def register(self, options: dict[str, Any]) -> tuple[str, dict[str, object]]:
        kind, target = Channel.Kind.EMAIL, options["email"]
        if (apprise := secret(options, "apprise")) is not None:
            kind, target = Channel.Kind.APPRISE, apprise
        channel, made = ensure_channel(options["name"], kind=kind, target=target)
        word = "Added" if made else "There is"
        return (
            f"{word} channel {channel.name} ({channel.get_kind_display()}). Try it: "
            f'./run manage channel_test "{channel.name}"',
            {"id": channel.pk, "name": channel.name, "kind": channel.kind, "added": made},
        )
