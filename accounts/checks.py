"""System checks for configuration mistakes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from cryptography.fernet import Fernet
from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connection

from accounts.models import Gateway, GatewaySecret
from accounts.store.encryption import CannotOpen


@register()
def check_clocks(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> Iterable[CheckMessage]:
    """Check that the time limits fit together: otherwise a promise cannot be kept."""
    period, expiry = settings.ROLL_CALL_EVERY_SECONDS, settings.LIVE_WORD_EXPIRES_AFTER_SECONDS
    if expiry <= 2 * period:
        yield Error(
            f"LIVE_WORD_EXPIRES_AFTER_SECONDS ({expiry}) leaves no room for one lost roll call "
            f"every {period} s: healthy accounts would read unknown.",
            hint="Set it to more than twice ROLL_CALL_EVERY_SECONDS. See docs/settings.md.",
            id="accounts.E001",
        )
    if expiry + settings.EXPIRY_SWEEP_EVERY_SECONDS >= 60:
        yield Warning(
            f"With LIVE_WORD_EXPIRES_AFTER_SECONDS={expiry} a lost session may be shown as "
            "connected for a minute and more.",
            hint="The promise is 60 s; the default is 45. See docs/settings.md.",
            id="accounts.W001",
        )


@register(Tags.security, deploy=True)
def check_field_keys(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> Iterable[CheckMessage]:
    if not settings.FIELD_KEYS:
        yield Warning(
            "FIELD_KEYS is not set: gateways' secrets are sealed with a key derived from "
            "SECRET_KEY, and cannot be opened once that changes.",
            hint="Set FIELD_KEYS, or FIELD_KEYS_FILE, to the output of: python -c 'from "
            "cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'",
            id="accounts.W002",
        )
    for position, key in enumerate(settings.FIELD_KEYS, start=1):
        try:
            Fernet(key)
        except ValueError:
            yield Error(
                f"Key {position} of FIELD_KEYS is not a Fernet key.",
                hint="32 bytes in URL-safe base64. See docs/settings.md.",
                id="accounts.E002",
            )


@register(Tags.security, deploy=True)
def check_allowed_hosts(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> Iterable[CheckMessage]:
    if "*" in settings.ALLOWED_HOSTS:
        yield Warning(
            "ALLOWED_HOSTS has *: whoever calls by a name of his own gets links that lead there.",
            hint="Name the hosts that Rollcall answers to, comma-separated.",
            id="accounts.W005",
        )


@register(Tags.database)
def check_gateways(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> Iterable[CheckMessage]:
    """Check gateways and secrets. Only with `check --database default`, since it reads rows;
    `migrate` runs it too, before the table exists."""
    if not databases or Gateway._meta.db_table not in connection.introspection.table_names():
        return
    for gateway in Gateway.objects.filter(secrets__isnull=True):
        yield Warning(
            f"Gateway {gateway.name} has no secret: its webhooks are refused, it cannot be read.",
            hint=f"./run manage gateway_add --name {gateway.name} --api-key … --hmac-secret …",
            id="accounts.W003",
        )
    for secret in GatewaySecret.objects.select_related("gateway"):
        if not _opens(secret):
            yield Warning(
                f"A secret of gateway {secret.gateway.name} ({secret.get_purpose_display()}) was "
                "sealed with a key that is not in FIELD_KEYS any more.",
                hint="Add that key behind the new one, or set the secret again with gateway_add.",
                id="accounts.W004",
            )


def _opens(secret: GatewaySecret) -> bool:
    try:
        return bool(secret.secret)
    except CannotOpen:
        return False
