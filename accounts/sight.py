"""What we can see of a gateway: since when it is readable or blind, what its lists have shown."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Case, F, Q, When
from django.db.models.functions import Coalesce, Now

from accounts.locks import short_waits
from accounts.models import Account, Gateway, SupersededSession
from accounts.status import Status


def note_sight(gateway_id: int, *, started: datetime) -> None:
    """A read that began at `started` succeeded. Clocks that judge start when sight returns: also
    after a time in which nobody saw a whole list, be it that nothing of ours was running."""
    long_ago = _long_ago(started)
    looked = When(listed_at__gt=long_ago, then=Coalesce(F("sight_since"), started))
    Gateway.objects.filter(pk=gateway_id).update(
        sight_since=Case(looked, default=started), blind_since=None, blind_why=""
    )


def seen_since(gateway: Gateway, started: datetime) -> datetime | None:
    """Since when it has been seen without a break, as a read that begins at `started` finds it."""
    is_broken = gateway.listed_at is None or gateway.listed_at <= _long_ago(started)
    return None if is_broken else gateway.sight_since


def _long_ago(started: datetime) -> datetime:
    return started - timedelta(seconds=settings.LIVE_WORD_EXPIRES_AFTER_SECONDS)


def note_blind(gateway_id: int, why: str, *, started: datetime) -> datetime:
    """A read that began at `started` did not succeed; since when none has."""
    Gateway.objects.filter(pk=gateway_id).update(
        blind_since=Coalesce(F("blind_since"), started), blind_why=why[:500], sight_since=None
    )
    since = Gateway.objects.values_list("blind_since", flat=True).get(pk=gateway_id)
    return since or started


def note_listing(
    gateway_id: int, *, started: datetime, unshown: Collection[int], shown_again: Collection[int]
) -> None:
    """A complete list that was asked for at `started` has shown every live account of the gateway
    but `unshown`. The rows are marked before the watermark moves: nobody may count a row as fresh
    that the list did not show. Raises django.db.OperationalError when a row is held by somebody
    for 2 s."""
    with transaction.atomic(), short_waits():
        _lock({*unshown, *shown_again}, gateway_id)
        if unshown:
            Account.objects.filter(pk__in=unshown, unshown_since__isnull=True).update(
                unshown_since=started, updated_at=Now()
            )
        if shown_again:
            Account.objects.filter(pk__in=shown_again).update(unshown_since=None, updated_at=Now())
        _confirm_takeovers(gateway_id, started)
        Gateway.objects.filter(pk=gateway_id).update(listed_at=started)


def _lock(account_ids: Collection[int], gateway_id: int) -> None:
    """In id order, as everybody does who locks more than one; with those whose take-over may be
    confirmed, because whoever writes of an account's sessions holds its row."""
    claimed = SupersededSession.objects.filter(
        confirmed_at__isnull=True, account__gateway=gateway_id
    )
    concerned = Q(pk__in=account_ids) | Q(pk__in=claimed.values("account"))
    rows = Account.objects.filter(concerned).order_by("pk").select_for_update(no_key=True)
    list(rows.values_list("pk"))


def _confirm_takeovers(gateway_id: int, started: datetime) -> None:
    """A list that agrees writes no row, yet it is a read: what it showed connected is confirmed."""
    SupersededSession.objects.filter(
        confirmed_at__isnull=True,
        superseded_at__lte=started,
        account__gateway=gateway_id,
        account__status=Status.CONNECTED,
        account__unshown_since__isnull=True,
    ).update(confirmed_at=started)
