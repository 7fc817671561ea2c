from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.alerts.channels import try_channel
from accounts.models import Channel


class Command(BaseCommand):
    help = "Send a test through a channel now, and say what happened. Exit code 1 when it failed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")

    def handle(self, *args: Any, **options: Any) -> None:
        channel = _channel_named(options["name"])
        outcome = try_channel(channel.pk)
        if outcome.error:
            raise CommandError(f"channel {channel.name}: {outcome.error}")
        self.stdout.write(
            f"Channel {channel.name}: the test was accepted. Look whether it arrived."
        )


def _channel_named(name: str) -> Channel:
    found = Channel.objects.filter(name=name).first()
    if found is None:
        known = ", ".join(Channel.objects.values_list("name", flat=True)) or "none yet"
        raise CommandError(f"there is no channel {name!r}; there are: {known}")
    return found
