"""Groups that every installation begins with. Made once: what an operator changes of them stays."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group, Permission
from django.db.models import Q

_OURS = Q(content_type__app_label__in=("accounts", "webhooks", "reconciliation", "notices"))
_SECRETS = Q(content_type__model="gatewaysecret")
_PEOPLE = Q(content_type__app_label="auth", content_type__model__in=("user", "group"))
_LOOK = Q(codename__startswith="view_")
# What an operator acts on: each is changed by its verbs, and none is made or deleted.
_ACTED_ON = Q(
    codename__in=[
        f"change_{model}"
        for model in ("account", "gateway", "incident", "delivery", "finding", "route", "repair")
    ]
)
GROUPS: dict[str, Q] = {
    "Administrators": _OURS | (_PEOPLE & ~Q(codename__startswith="delete_")),
    "Operators": (_OURS & (_LOOK | _ACTED_ON)) & ~_SECRETS,
    "Viewers": (_OURS & _LOOK) & ~_SECRETS,
}


def ensure_groups(**signal: Any) -> None:
    """Make the shipped groups after the last app's migrations, when all permissions are there."""
    for name, permissions in GROUPS.items():
        group, made = Group.objects.get_or_create(name=name)
        if made:
            group.permissions.set(Permission.objects.filter(permissions))
