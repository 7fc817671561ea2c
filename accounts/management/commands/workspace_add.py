from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from accounts.management.command import RegisteringCommand, an_id
from accounts.operators.provisioning import ensure_workspace


class Command(RegisteringCommand):
    help = "Add a workspace. Doing it again changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--name", required=True)
        parser.add_argument("--id", type=an_id, help="keep the id it has elsewhere")

    def register(self, options: dict[str, Any]) -> tuple[str, dict[str, object]]:
        workspace, made = ensure_workspace(options["name"], workspace_id=options["id"])
        word = "Added" if made else "There already is"
        return (
            f"{word} workspace {workspace.pk}: {workspace.name}",
            {"id": workspace.pk, "name": workspace.name},
        )
