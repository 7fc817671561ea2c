"""Making workspaces and gateways from the command line; doing it again changes nothing."""

from __future__ import annotations

from django.db import connection, transaction

from accounts import clock
from accounts.models import Gateway, GatewaySecret, Workspace


class Conflict(Exception):
    """What is asked for contradicts what is there: what, and what to do."""


@transaction.atomic
def ensure_workspace(name: str, *, workspace_id: int | None = None) -> tuple[Workspace, bool]:
    """The workspace of this name (and id); True when it was made. Raises Conflict."""
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
    """PostgreSQL's sequence does not notice an id that was given by hand."""
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
    """The gateway of this name with what is given; True when it was made.

    A new secret is added beside the old ones, which stay valid until somebody ends them. Raises
    Conflict."""
    found = Gateway.objects.filter(name=name).first()
    if found is None and not base_url:
        raise Conflict(f"there is no gateway {name!r} yet: give --url to make it")
    if found is not None and kind not in (None, found.kind):
        raise Conflict(f"gateway {name!r} is of kind {found.kind}: give the new one another name")
    gateway = found or Gateway(name=name, kind=kind or "webjs")
    gateway.base_url = (base_url or gateway.base_url).rstrip("/")
    gateway.mode = mode or gateway.mode
    gateway.full_clean()
    if found is None:
        gateway.save()
    else:
        gateway.save(update_fields=["base_url", "mode"])
    _ensure_secret(gateway, GatewaySecret.Purpose.API_KEY, api_key)
    _ensure_secret(gateway, GatewaySecret.Purpose.HMAC, hmac_secret)
    return gateway, found is None


def _ensure_secret(gateway: Gateway, purpose: GatewaySecret.Purpose, value: str | None) -> None:
    if not value or value in gateway.active_secrets(purpose, clock.database_now()):
        return
    secret = GatewaySecret(gateway=gateway, purpose=purpose)
    secret.secret = value
    secret.save()
