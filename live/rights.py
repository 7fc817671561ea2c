"""What a stream may carry, by its session cookie; for any number of streams at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.sessions.models import Session
from django.db.models import Q
from django.utils.crypto import constant_time_compare
from django_otp import DEVICE_ID_SESSION_KEY
from django_otp.models import Device

from accounts.models import Membership
from accounts.store import clock

_VIEWS = ("view_account", "view_incident", "view_gateway")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """`workspaces`: those whose accounts may be shown; None means all."""

    workspaces: frozenset[int] | None
    incidents: bool = False
    gateways: bool = False

    def include(self, workspace_id: int) -> bool:
        return self.workspaces is None or workspace_id in self.workspaces


def rights_of(session_keys: Collection[str]) -> dict[str, Rights]:
    """Return the rights by session key. A key that is missing has none: its session has ended, or
    its user may see nothing.

    Five statements at most, however many sessions there are.
    """
    logged_in = _logged_in(session_keys)
    users = {user.pk: user for user in logged_in.values()}
    views, members = _views(users), _members(users)
    found = {}
    for key, user in logged_in.items():
        rights = _rights(user, views.get(user.pk, set()), members.get(user.pk, frozenset()))
        if rights is not None:
            found[key] = rights
    return found


def _rights(user: Any, views: set[str], member_of: frozenset[int]) -> Rights | None:
    if user.is_superuser:
        return Rights(workspaces=None, incidents=True, gateways=True)
    may = views if user.is_staff else set()
    if not may and not member_of:
        return None
    return Rights(
        workspaces=None if "view_account" in may else member_of,
        incidents="view_incident" in may,
        gateways="view_gateway" in may,
    )


def _logged_in(session_keys: Collection[str]) -> dict[str, Any]:
    """Return the user of each session that django.contrib.auth would accept, second factor
    included."""
    rows = Session.objects.filter(
        session_key__in=list(session_keys), expire_date__gt=clock.database_now()
    )
    contents = {row.session_key: row.get_decoded() for row in rows}
    named = {key: str(content.get(SESSION_KEY)) for key, content in contents.items()}
    users = get_user_model().objects.in_bulk({int(pk) for pk in named.values() if pk.isdecimal()})
    found = {}
    for key, content in contents.items():
        user: Any = users.get(int(named[key])) if named[key].isdecimal() else None
        if user is not None and user.is_active and _is_valid(user, content):
            found[key] = user
    return found


def _is_valid(user: Any, content: Mapping[str, Any]) -> bool:
    if content.get(BACKEND_SESSION_KEY) not in settings.AUTHENTICATION_BACKENDS:
        return False
    said = str(content.get(HASH_SESSION_KEY, ""))
    hashes = (user.get_session_auth_hash(), *user.get_session_auth_fallback_hash())
    if not any(constant_time_compare(said, one) for one in hashes):
        return False
    return not (settings.STAFF_SECOND_FACTOR and user.is_staff) or _is_verified(user, content)


def _is_verified(user: Any, content: Mapping[str, Any]) -> bool:
    device = Device.from_persistent_id(content.get(DEVICE_ID_SESSION_KEY, ""))
    return device is not None and device.user_id == user.pk


def _views(users: Mapping[int, Any]) -> dict[int, set[str]]:
    """Return the permissions to view, by user: their own and those of their groups."""
    asked = [pk for pk, user in users.items() if user.is_staff and not user.is_superuser]
    found: dict[int, set[str]] = {}
    if asked:
        model = get_user_model()
        for path in ("user_permissions", "groups__permissions"):
            is_view = Q(
                **{
                    f"{path}__codename__in": _VIEWS,
                    f"{path}__content_type__app_label": "accounts",
                }
            )
            rows = model.objects.filter(is_view, pk__in=asked)
            for pk, codename in rows.values_list("pk", f"{path}__codename"):
                found.setdefault(pk, set()).add(codename)
    return found


def _members(users: Mapping[int, Any]) -> dict[int, frozenset[int]]:
    found: dict[int, set[int]] = {}
    rows = Membership.objects.filter(user__in=users.keys())
    for user_id, workspace_id in rows.values_list("user", "workspace"):
        found.setdefault(user_id, set()).add(workspace_id)
    return {user_id: frozenset(workspaces) for user_id, workspaces in found.items()}
