"""Candidate gateways of a request: by key, by path, by token; if several share one, by its
content."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from django.db import connection

from webhooks.auth.credentials import Untrusted
from webhooks.auth.keyring import DOUBTED_AFTER_SECONDS, Door, Keyring, keyring
from webhooks.wire.errors import Ambiguous

_HINT_BYTES = 64 * 1024
# So many gateways may have a session of the same name, and be tried for it.
HOLDERS = 8
# Two look-ups in an index each; with OR it would be one pass over all accounts.
_HOLDERS = """
SELECT gateway_id FROM whatsapp_accounts WHERE session_id = %(session)s
UNION
SELECT account.gateway_id FROM accounts_supersededsession past
  JOIN whatsapp_accounts account ON account.id = past.account_id
 WHERE past.session_id = %(session)s
 LIMIT %(most)s
"""


def doors_with_key(kind: str, key: str) -> tuple[Door, ...]:
    return _found(kind, lambda ring: ring.with_key(key))


def has_door_with_key(kind: str, key: str) -> bool:
    return bool(doors_with_key(kind, key))


def unknown_key(kinds: Iterable[str], key: str, header: str) -> Untrusted:
    """Return the error for a key that matches no gateway of these kinds."""
    if any(keyring(kind).is_ended_key(key) for kind in kinds):
        return Untrusted("ended_secret", f"{header} was a gateway's of ours, but has ended")
    return Untrusted("unknown_key", f"{header} belongs to no gateway of ours")


def doors_with_path(kind: str, token: str) -> tuple[Door, ...]:
    """Return the gateways of the path token. Raise Untrusted if there are none."""
    doors = _found(kind, lambda ring: ring.with_path(token))
    if not doors:
        raise Untrusted(
            "unknown_path",
            f"this path belongs to no gateway of kind {kind}: has its token been replaced?",
        )
    return doors


def _found(kind: str, find: Callable[[Keyring], tuple[Door, ...]]) -> tuple[Door, ...]:
    """Find gateways; retry once with fresh secrets if none is found."""
    return find(keyring(kind)) or find(keyring(kind, at_most_seconds=DOUBTED_AFTER_SECONDS))


def without_signature(doors: tuple[Door, ...]) -> tuple[Door, ...]:
    """Return the doors that a key or a path alone may open. Raises Untrusted if there are none."""
    open_doors = tuple(door for door in doors if not door.must_sign)
    if not open_doors:
        raise _must_sign(doors[0])
    return open_doors


def _must_sign(door: Door) -> Untrusted:
    if door.require_signature or door.signs_since is None:
        why = "this gateway's webhooks are believed with a signature only"
    else:
        why = (
            f"this gateway signs since {door.signs_since:%Y-%m-%d %H:%M} UTC, so that nothing "
            "unsigned is believed any more: set its secret at the gateway, or let its page accept "
            "unsigned ones"
        )
    return Untrusted("signature_required", why)


def choose(doors: tuple[Door, ...], instance_url: str, session_id: str) -> Door:
    """Choose one of several instances of one installation that share a key.

    The X-Instance-Url that they send may choose among them, else the owner of the named session;
    never a gateway outside of them.
    """
    if len(doors) == 1:
        return doors[0]
    named = [door for door in doors if instance_url and door.base_url == instance_url]
    if len(named) == 1:
        return named[0]
    holding_ids = holders(session_id)
    holding = [door for door in doors if door.gateway_id in holding_ids]
    if len(holding) == 1:
        return holding[0]
    raise Ambiguous(
        f"{len(doors)} gateways share this key and neither X-Instance-Url nor the session says "
        "which one speaks: give each its own key, or register the address that it sends"
    )


def session_id_in(content: bytes, field: str) -> str:
    """Return the first session id near the beginning of the body; "" if there is none."""
    pattern = rb'"' + field.encode() + rb'"\s*+:\s*+"([^"\\]{1,255})"'
    found = re.search(pattern, content[:_HINT_BYTES])
    return found.group(1).decode("utf-8", "replace") if found else ""


def holders(session_id: str) -> set[int]:
    """The gateways that hold, or held, a session of this name."""
    if not session_id or not session_id.isprintable():
        return set()
    with connection.cursor() as cursor:
        cursor.execute(_HOLDERS, {"session": session_id, "most": HOLDERS})
        return {gateway_id for (gateway_id,) in cursor.fetchall()}
