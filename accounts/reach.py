"""Speaking to a gateway: the client of its kind, with its newest active key."""

from __future__ import annotations

from accounts import clock
from accounts.models import Gateway, GatewaySecret
from accounts.sealing import CannotOpen
from gateways import registry
from gateways.base import Client, GatewayError


def client_of(gateway: Gateway) -> Client:
    """A client to use in a `with` block. Raises GatewayError when there is no key to use, or nobody
    speaks to its kind."""
    registry.require_readable(gateway.kind)
    try:
        keys = gateway.active_secrets(GatewaySecret.Purpose.API_KEY, clock.database_now())
    except CannotOpen as error:
        raise GatewayError(str(error)) from error
    if not keys:
        raise GatewayError(
            f"gateway {gateway.name} has no active API key: "
            f"./run manage gateway_add --name {gateway.name} --api-key …"
        )
    return registry.client_for(gateway.kind, gateway.base_url, api_key=keys[0])
