from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from accounts.management.command import RegisteringCommand, account_record, an_id, gateway_named
from accounts.models import Workspace
from accounts.operators.registration import register
from accounts.state.observations import LONGEST_SESSION_ID
from accounts.words.phone_numbers import NotANumber, typed_number
from accounts.words.status import Status, Wanted
from gateways.base import State
from gateways.wire.untrusted import printable


class Command(RegisteringCommand):
    help = (
        "Register a number and the session it runs on. The same call changes nothing; another "
        "session of the same number takes it over."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--workspace", type=an_id, required=True, help="its id")
        parser.add_argument("--gateway", required=True, help="its name")
        parser.add_argument("--session-id", required=True)
        parser.add_argument("--phone", help="7 to 15 digits; unknown until the first scan")
        parser.add_argument("--status", choices=[str(state) for state in State])
        parser.add_argument("--wanted", choices=Wanted.values, help="default running")

    def register(self, options: dict[str, Any]) -> tuple[str, dict[str, object]]:
        account, made = register(
            workspace=_workspace(options["workspace"]),
            gateway=gateway_named(options["gateway"]),
            session_id=_session_id(options["session_id"]),
            phone_number=_phone_number(options["phone"]),
            status=Status(options["status"]) if options["status"] else None,
            wanted=Wanted(options["wanted"]) if options["wanted"] else None,
            actor="command line",
        )
        word = "Added" if made else "There is"
        sentence = (
            f"{word} account {account.pk}: {account.phone_number or 'no number yet'} on session "
            f"{account.session_id} of {account.gateway}, {account.status}, wanted {account.wanted}"
        )
        return sentence, account_record(account)


def _workspace(workspace_id: int) -> Workspace:
    try:
        return Workspace.objects.get(pk=workspace_id)
    except Workspace.DoesNotExist:
        raise CommandError(
            f"there is no workspace {workspace_id}: "
            f"./run manage workspace_add --name NAME --id {workspace_id}"
        ) from None


def _session_id(value: str) -> str:
    if not (value.isprintable() and value.strip() and len(value) <= LONGEST_SESSION_ID):
        raise CommandError("--session-id must be 1 to 255 printable characters, not all blank")
    return value


def _phone_number(value: str | None) -> str | None:
    if value is None:
        return None
    try:
        return typed_number(value)
    except NotANumber as wrong:
        raise CommandError(f"--phone {printable(value, limit=60)!r}: {wrong}") from None
