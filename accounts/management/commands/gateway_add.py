from __future__ import annotations

from argparse import ArgumentParser, BooleanOptionalAction
from typing import Any

from django.conf import settings

from accounts.management.command import RegisteringCommand, add_secret, secret
from accounts.models import Gateway
from accounts.operators.provisioning import ensure_gateway, new_path_token
from accounts.operators.webhook_settings import ensure_taking
from gateways.registry import KINDS
from gateways.wire.http import shown


class Command(RegisteringCommand):
    help = "Add a gateway, or change the address, mode or secrets of the one with this name."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--name", required=True)
        parser.add_argument("--kind", choices=sorted(KINDS))
        parser.add_argument("--url", help="where we reach it, e.g. http://127.0.0.1:3001")
        add_secret(parser, "--api-key", help="the key of both directions")
        add_secret(parser, "--hmac-secret", help="what it signs its webhooks with")
        parser.add_argument(
            "--path-token",
            action="store_true",
            help="make a secret path for its webhooks, for kinds that can send no secret; it is "
            "shown this once. Older ones stay valid",
        )
        parser.add_argument(
            "--require-signature",
            action=BooleanOptionalAction,
            help="believe its webhooks with a signature only; --no-require-signature: also "
            "without, even once it has signed",
        )
        parser.add_argument(
            "--forward-url",
            help="hand its webhooks on to this backend of your own; '' ends that. Another origin "
            "needs the gateway's secrets again (--api-key, --hmac-secret), as with --url",
        )
        parser.add_argument(
            "--accept-path",
            help="one more path that it may send to, although it is not the right one",
        )
        parser.add_argument("--mode", choices=Gateway.Mode.values, help="default act")

    def register(self, options: dict[str, Any]) -> tuple[str, dict[str, object]]:
        api_key, hmac_secret = secret(options, "api_key"), secret(options, "hmac_secret")
        gateway, made = ensure_gateway(
            options["name"],
            kind=options["kind"],
            base_url=options["url"],
            mode=options["mode"],
            api_key=api_key,
            hmac_secret=hmac_secret,
        )
        ensure_taking(
            gateway,
            require_signature=options["require_signature"],
            forward_url=options["forward_url"],
            accept_path=options["accept_path"],
            secrets_again=[key for key in (api_key, hmac_secret) if key],
        )
        word = "Added" if made else "There is"
        sentence = (
            f"{word} gateway {gateway.name}: {gateway.kind} at {gateway.base_url}, mode "
            f"{gateway.mode}. Its webhooks belong to {gateway.webhook_path}"
        )
        record: dict[str, object] = {
            "id": gateway.pk,
            "name": gateway.name,
            "kind": gateway.kind,
            "url": gateway.base_url,
            "mode": gateway.mode,
        }
        record |= _taking(gateway, options)
        if options["path_token"]:
            token = new_path_token(gateway)
            record["webhook_url"] = f"{settings.PUBLIC_URL}{gateway.webhook_path}/{token}"
            sentence += f", or to its own path, shown this once: {record['webhook_url']}"
        return sentence, record


def _taking(gateway: Gateway, options: dict[str, Any]) -> dict[str, object]:
    """Return the webhook settings that an option was given for."""
    known = {
        "require_signature": ("require_signature", gateway.require_signature),
        "forward_url": ("forward_url", shown(gateway.forward_url)),
        "accept_path": ("accepted_paths", gateway.accepted_paths),
    }
    return dict(pair for option, pair in known.items() if options[option] is not None)
