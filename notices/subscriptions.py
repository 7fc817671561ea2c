"""Who is told by default, and what a person may change of it."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Collection
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.contrib.auth import get_user_model
from django.core import signing
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from accounts.alerts.channels import clean_target
from accounts.models import Channel, Membership
from accounts.store import clock
from notices.models import Delivery, Subscription

_SALT = "notices.unsubscribe"
_PERMISSION = "accounts.view_account"
_BACKEND = "django.contrib.auth.backends.ModelBackend"
Kind = Subscription.Kind


def ensure_subscriptions(workspace_ids: Collection[int]) -> None:
    """Create what is missing: of members in the app, of owners and operators of a workspace by
    e-mail as well, of staff who may view accounts in the app, and of alert channels. What somebody
    switched off stays off."""
    members = Membership.objects.filter(workspace__in=workspace_ids, user__is_active=True)
    rows = list(members.values_list("workspace", "user", "role"))
    staff = set(people(None))
    new = [
        Subscription(kind=Kind.IN_APP, user_id=user_id, workspace_id=workspace_id)
        for workspace_id, user_id, _ in rows
        if user_id not in staff  # has the operators' notice in the same list
    ]
    new += [
        Subscription(kind=Kind.EMAIL, user_id=user_id, workspace_id=workspace_id)
        for workspace_id, user_id, role in rows
        if role != Membership.Role.VIEWER
    ]
    new += [Subscription(kind=Kind.IN_APP, user_id=pk) for pk in staff]
    new += [
        Subscription(kind=Kind.CHANNEL, channel_id=pk)
        for pk in Channel.objects.filter(subscription__isnull=True).values_list("pk", flat=True)
    ]
    Subscription.objects.bulk_create(new, ignore_conflicts=True)


def people(workspace_id: int | None) -> list[int]:
    """Return the users who may be told: a workspace's members; of all customers the staff who may
    view accounts."""
    if workspace_id is not None:
        members = Membership.objects.filter(workspace=workspace_id, user__is_active=True)
        return list(members.values_list("user", flat=True))
    return list(_staff().values_list("pk", flat=True))


def _staff() -> QuerySet[Any]:
    users: Any = get_user_model().objects
    allowed: QuerySet[Any] = users.with_perm(_PERMISSION, is_active=True, backend=_BACKEND)
    return allowed.filter(is_staff=True)


def may_still_be_told(subscription: Subscription) -> bool:
    """Return False for a person who has left, or may not see it any more."""
    user_id = subscription.user_id
    return user_id is None or user_id in people(subscription.workspace_id)


def clean(kind: str, target: str) -> str:
    """Return the target as it is stored. Raises ValidationError, never quoting it."""
    if kind == Kind.APPRISE:
        return clean_target(Channel.Kind.APPRISE, target)
    if kind == Kind.EMAIL:
        cleaned = clean_target(Channel.Kind.EMAIL, target)
        if "," in cleaned:
            raise ValidationError("give one address: each recipient has its own unsubscribe link")
        return cleaned
    parts = _parts(target.strip())
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValidationError("give a whole address: https://host/path")
    if parts.username or parts.password:
        raise ValidationError("the address holds a password: the webhook is signed instead")
    return target.strip()


def _parts(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts if url.isascii() and url.isprintable() and " " not in url else None


def keep(subscription: Subscription, *, changed: Collection[str], target: str = "") -> None:
    """Save a new subscription, or only the changed fields of an old one: a sender may be writing
    the others. A new webhook gets a secret."""
    fields = list(changed)
    if target:
        subscription.target = target
        subscription.failing_since, subscription.last_error = None, ""
        fields += ["sealed", "failing_since", "last_error"]
    if subscription.kind == Kind.WEBHOOK and not subscription.sealed_key:
        subscription.signing_key = f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
        fields.append("sealed_key")
    if "is_active" in fields and subscription.is_active:
        subscription.unsubscribed_at = None
        fields.append("unsubscribed_at")
    subscription.save(update_fields=fields if subscription.pk else None)


def unread(user_id: int) -> int:
    """Return how many notices in the app a user has not read."""
    return _in_app(user_id).filter(read_at__isnull=True).count()


def latest(user_id: int, most: int) -> list[Delivery]:
    """Return a user's newest notices in the app."""
    rows = _in_app(user_id).select_related("notice__workspace", "subscription__user")
    return list(rows.order_by("-id")[:most])


def _in_app(user_id: int) -> QuerySet[Delivery]:
    """Select what a user was told in the app and may still see: those who left a workspace, or lost
    the permission, see nothing of it any more."""
    mine = Membership.objects.filter(user=user_id, user__is_active=True)
    of_mine = Q(subscription__workspace__in=mine.values("workspace"))
    of_all = Q(subscription__workspace=None, subscription__user__in=_staff().values("pk"))
    return Delivery.objects.filter(
        of_mine | of_all,
        subscription__user=user_id,
        subscription__kind=Kind.IN_APP,
        state=Delivery.State.SENT,
    )


def token_of(subscription: Subscription) -> str:
    return signing.dumps(subscription.pk, salt=_SALT, compress=False)


def of_token(token: str) -> Subscription | None:
    """Return the subscription of an unsubscribe link; None if the link is not ours."""
    try:
        pk = signing.loads(token, salt=_SALT)
    except signing.BadSignature:
        return None
    return Subscription.objects.filter(pk=pk).first()


def unsubscribe(subscription: Subscription) -> None:
    """Switch it off, and cancel what is not sent. A repeat changes nothing."""
    Subscription.objects.filter(pk=subscription.pk, is_active=True).update(
        is_active=False, unsubscribed_at=Now()
    )
    subscription.deliveries.filter(state=Delivery.State.PENDING).update(
        state=Delivery.State.CANCELLED, error="unsubscribed", next_attempt_at=None
    )


def mark_read(user_id: int, deliveries: Collection[int] | None = None) -> int:
    """Mark a user's own notices as read; all of them, or these. Return how many were unread."""
    rows = _in_app(user_id).filter(read_at__isnull=True)
    if deliveries is not None:
        rows = rows.filter(pk__in=deliveries)
    return rows.update(read_at=clock.database_now())
