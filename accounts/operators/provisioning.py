"""Create workspaces and gateways from the command line. Repeating a call changes nothing."""

from __future__ import annotations

import secrets

from django.db import connection, transaction

from accounts.addresses import fault_of
from accounts.models import Gateway, GatewaySecret, Workspace
from accounts.operators.another_origin import is_another_origin, require_secrets_again
from accounts.store import clock
from accounts.store.encryption import CannotOpen
from accounts.store.row_ids import LARGEST_ID
from accounts.words.refusals import Conflict
from gateways.registry import KINDS, default_kind


@transaction.atomic
def ensure_workspace(name: str, *, workspace_id: int | None = None) -> tuple[Workspace, bool]:
    """Return the workspace of this name (and id), and True if it was created. Raises Conflict."""
    _require_name(name, longest=200)
    if workspace_id is not None and not 0 < workspace_id <= LARGEST_ID:
        raise Conflict(f"{workspace_id} is no id: a whole number from 1 to {LARGEST_ID}")
    found = Workspace.objects.filter(name=name).first()
    if found is not None and workspace_id not in (None, found.pk):
        raise Conflict(f"workspace {name!r} exists with id {found.pk}")
    if found is not None:
        return found, False
    if workspace_id is None:
        return Workspace.objects.create(name=name), True
    taken = Workspace.objects.filter(pk=workspace_id).first()
    if taken is not None:
        raise Conflict(f"id {workspace_id} belongs to workspace {taken.name!r}")
    workspace = Workspace.objects.create(pk=workspace_id, name=name)
    _move_sequence_on()
    return workspace, True


def _move_sequence_on() -> None:
    """Advance PostgreSQL's sequence, which ignores an id that was set by hand."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT setval(pg_get_serial_sequence('accounts_workspace', 'id'),"
            " GREATEST(max(id), 1)) FROM accounts_workspace"
        )


@transaction.atomic
def ensure_gateway(
    name: str,
    *,
    kind: str | None = None,
    base_url: str | None = None,
    mode: str | None = None,
    api_key: str | None = None,
    hmac_secret: str | None = None,
) -> tuple[Gateway, bool]:
    """Return the gateway of this name, created or updated, and True if it was created.

    A new secret is added beside the old ones, which stay valid until an operator ends them. Where
    the address is of another origin, the gateway's secrets must be given again. Raises Conflict,
    ValidationError.
    """
    _require_name(name, longest=100)
    found = Gateway.objects.filter(name=name).first()
    if found is None and not base_url:
        raise Conflict(f"there is no gateway {name!r} yet: give --url to make it")
    if found is not None and kind not in (None, found.kind):
        raise Conflict(f"gateway {name!r} is of kind {found.kind}: give the new one another name")
    gateway = found or Gateway(name=name, kind=kind or default_kind().name)
    if base_url and base_url.rstrip("/") != gateway.base_url:
        address = free_address(base_url)
        if is_another_origin(gateway.base_url, address):
            given = [secret for secret in (api_key, hmac_secret) if secret]
            require_secrets_again(gateway, origin_of=address, given=given)
        gateway.base_url = address
    gateway.mode = mode or gateway.mode
    gateway.full_clean()
    if found is None:
        gateway.save()
    else:
        gateway.save(update_fields=["base_url", "mode"])
    _ensure_secret(gateway, GatewaySecret.Purpose.API_KEY, api_key)
    _ensure_secret(gateway, GatewaySecret.Purpose.HMAC, hmac_secret)
    return gateway, found is None


def _require_name(name: str, *, longest: int) -> None:
    if not (name.strip() == name and name.isprintable() and 0 < len(name) <= longest):
        raise Conflict(f"{name!r} is no name: 1 to {longest} printable characters")


def free_address(value: str, *, gateway_id: int | None = None) -> str:
    """Return the base of a gateway's URLs: scheme, host, port, and perhaps a path. Raises Conflict
    if it is no such address, or another gateway's."""
    address = value.rstrip("/")
    wrong = _what_is_wrong_with(address)
    if wrong:
        quoted = "this" if "@" in value else repr(value)  # a password may stand in it
        raise Conflict(f"{quoted} is no address of a gateway ({wrong}), e.g. http://10.0.0.5:3001")
    other = Gateway.objects.filter(base_url=address).first()
    if other is not None and other.pk != gateway_id:
        raise Conflict(f"gateway {other.name!r} has the address {address}")
    return address


def _what_is_wrong_with(address: str) -> str:
    if wrong := fault_of(address, instead_of_password="the key is a secret, --api-key"):
        return wrong
    return "leave out what follows ?" if "?" in address else ""


def new_path_token(gateway: Gateway) -> str:
    """Add a secret webhook path and return its token, which is never shown again. The old paths
    stay valid until an operator ends them."""
    token = secrets.token_urlsafe(32)
    _ensure_secret(gateway, GatewaySecret.Purpose.PATH, token)
    return token


def _ensure_secret(gateway: Gateway, purpose: GatewaySecret.Purpose, value: str | None) -> None:
    if value is None:
        return
    if not value or not value.isascii() or not value.isprintable() or value != value.strip():
        raise Conflict(
            f"the {purpose.label} must be printable ASCII, not empty, without spaces around it"
        )
    if fault := fault_of_secret(gateway.kind, purpose, value):
        raise Conflict(f"the {purpose.label} cannot be used: {fault}")
    if value in _opened(gateway, purpose):
        return
    secret = GatewaySecret(gateway=gateway, purpose=purpose)
    secret.secret = value
    secret.save()


def fault_of_secret(kind: str, purpose: str, value: str) -> str:
    """Say why gateways of this kind cannot sign with a secret; "" if they can."""
    signature = KINDS[kind].profile.signature if kind in KINDS else None
    if purpose != GatewaySecret.Purpose.HMAC or signature is None:
        return ""
    return signature.fault_of_secret(value)


def _opened(gateway: Gateway, purpose: GatewaySecret.Purpose) -> list[str]:
    try:
        return gateway.active_secrets(purpose, clock.database_now())
    except CannotOpen:
        return []
