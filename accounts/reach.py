"""Speaking to a gateway: the client of its kind, with its newest active key."""

from __future__ import annotations

from datetime import datetime

from django.db import connection

from accounts import clock
from accounts.models import Gateway
from accounts.sealing import CannotOpen, unseal_those_that_open
from gateways import registry
from gateways.base import Client, GatewayError

# As Gateway.active_secrets has them, without a model of each: every pass of a roll call asks.
_KEYS = """
SELECT sealed FROM accounts_gatewaysecret
 WHERE gateway_id = %s AND purpose = 'api_key' AND (not_after IS NULL OR not_after > %s)
 ORDER BY id DESC
"""


def client_of(gateway: Gateway, *, now: datetime | None = None) -> Client:
    """A client to use in a `with` block. `now`: for who has just looked at the clock. Raises
    GatewayError when there is no key to use, or nobody speaks to its kind."""
    registry.require_readable(gateway.kind)
    try:
        keys = _keys(gateway.pk, now or clock.database_now())
    except CannotOpen as error:
        raise GatewayError(str(error)) from error
    if not keys:
        raise GatewayError(
            f"gateway {gateway.name} has no active API key: "
            f"./run manage gateway_add --name {gateway.name} --api-key …"
        )
    return registry.client_for(gateway.kind, gateway.base_url, api_key=keys[0])


def _keys(gateway_id: int, now: datetime) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(_KEYS, [gateway_id, now])
        return unseal_those_that_open(sealed for (sealed,) in cursor.fetchall())
