"""Build the client of a gateway's kind, with its newest active key."""

from __future__ import annotations

from collections.abc import Sequence

from accounts.models import Gateway, GatewaySecret
from accounts.store import clock
from accounts.store.encryption import CannotOpen, unseal_those_that_open
from gateways import registry
from gateways.base import Client, GatewayError

# Keys that `client_of` chooses from, for a statement that already reads `gateway`.
SEALED_KEYS_SQL = """ARRAY(
    SELECT secret.sealed FROM accounts_gatewaysecret secret
     WHERE secret.gateway_id = gateway.id AND secret.purpose = 'api_key'
       AND (secret.not_after IS NULL OR secret.not_after > %(now)s) ORDER BY secret.id DESC)"""


def client_of(gateway: Gateway, *, sealed_keys: Sequence[str] | None = None) -> Client:
    """Return a client to use in a `with` block.

    `sealed_keys`: for callers that have read them already. Raises GatewayError if there is no
    usable key, or no client for its kind.
    """
    registry.require_readable(gateway.kind)
    try:
        keys = _keys(gateway) if sealed_keys is None else unseal_those_that_open(sealed_keys)
    except CannotOpen as error:
        raise GatewayError(str(error)) from error
    if not keys:
        raise GatewayError(
            f"gateway {gateway.name} has no active API key: "
            f"./run manage gateway_add --name {gateway.name} --api-key …"
        )
    return registry.client_for(gateway.kind, gateway.base_url, api_key=keys[0])


def _keys(gateway: Gateway) -> list[str]:
    return gateway.active_secrets(GatewaySecret.Purpose.API_KEY, clock.database_now())
