"""The start page answers one question: does anything need me?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Case, Count, IntegerField, Q, QuerySet, Value, When
from django.http import HttpRequest
from django.urls import reverse

from accounts.explain.explanation import what_to_do
from accounts.models import Channel, Gateway, Incident
from accounts.models.proof import proven_since
from accounts.state import maintenance
from accounts.words.status import Status, Wanted
from dashboard.account.groups import (
    MEANINGS,
    Accounts,
    Group,
    ShownAccount,
    rows_between,
    with_group,
)
from dashboard.roll_call_watch import request_now
from dashboard.wording.account_row import PROOF_IS_FRESH_SECONDS, reason
from dashboard.wording.gateway import reach_of
from dashboard.wording.gateway import sentence as incident_sentence
from dashboard.wording.html import badge, label

ATTENTION_ROWS = 12
INCIDENT_ROWS = 10
GATEWAY_ROWS = 24


def context(request: HttpRequest, shown: dict[str, Any]) -> dict[str, Any]:
    """unfold's DASHBOARD_CALLBACK. What a user may not view is left out."""
    now = request_now(request)
    accounts = with_group(now)
    if request.user.has_perm("accounts.view_account"):
        shown |= _of_accounts(accounts, now)
    if request.user.has_perm("accounts.view_incident"):
        found = _open_incidents()[:INCIDENT_ROWS]
        shown["no_channel"] = not Channel.objects.filter(is_active=True).exists()
        shown["incidents"] = [(one, incident_sentence(one, one.gateway)) for one in found]
    if request.user.has_perm("accounts.view_gateway"):
        shown |= _of_gateways(accounts, now)
    return {**shown, "now": now, "title": "Start"}


def _of_accounts(accounts: Accounts, now: datetime) -> dict[str, Any]:
    numbers, hero = _numbers(accounts, now)
    attention = (
        accounts.filter(group=Group.HUMAN)
        .select_related("gateway", "workspace")
        .order_by("urgency", "-status_since", "-pk")
    )
    return {
        "hero": hero,
        "groups": [
            {
                "label": group.label,
                "name": group.value,
                "meaning": MEANINGS[group],
                "number": number,
                "url": f"{reverse('admin:accounts_account_changelist')}?group={group.value}",
            }
            for group, number in numbers.items()
        ],
        "needy": [_line(account, now) for account in rows_between(attention, 0, ATTENTION_ROWS)],
        "needy_more": max(0, numbers[Group.HUMAN] - ATTENTION_ROWS),
    }


def _numbers(accounts: Accounts, now: datetime) -> tuple[dict[Group, int], dict[str, int]]:
    """Count the accounts by group; of those that should run, count connected and proven ones. One
    query."""
    proven = proven_since(now - timedelta(seconds=PROOF_IS_FRESH_SECONDS))
    rows = (
        accounts.order_by()
        .values_list("group", "wanted")
        .annotate(number=Count("pk"), proven_number=Count("pk", filter=proven))
    )
    groups = dict.fromkeys(Group, 0)
    hero = dict.fromkeys(("wanted", "connected", "proven", "claimed"), 0)
    for group, wanted, number, proven_number in rows:
        groups[Group(group)] += number
        if wanted == Wanted.RUNNING:
            hero["wanted"] += number
        if group == Group.CONNECTED:
            hero["connected"] += number
            hero["proven"] += proven_number
    return groups, hero | {"claimed": hero["connected"] - hero["proven"]}


def _line(account: ShownAccount, now: datetime) -> dict[str, Any]:
    shown = Status(account.shown)
    at_work, has_twin = account.at_work, account.has_twin
    instruction = what_to_do(account, now, at_work=at_work, has_twin=has_twin)
    return {
        "account": account,
        "badge": badge(account, shown, now),
        "reason": reason(account, shown),
        "instruction": instruction.text,
    }


def _open_incidents() -> QuerySet[Incident]:
    return Incident.objects.filter(closed_at__isnull=True).select_related("gateway").order_by("-id")


def _of_gateways(accounts: Accounts, now: datetime) -> dict[str, Any]:
    blind_first = Case(
        When(blind_since__isnull=False, then=Value(0)),
        When(listed_at__lt=now - timedelta(seconds=45), then=Value(1)),
        default=Value(2),
        output_field=IntegerField(),
    )
    shown = Gateway.objects.annotate(maintained_until=maintenance.maintenance_ends(now))
    gateways = list(shown.order_by(blind_first, "name")[: GATEWAY_ROWS + 1])
    numbers = connected_by_gateway(accounts, gateways)
    return {
        "gateways": [_gateway(gateway, numbers, now) for gateway in gateways[:GATEWAY_ROWS]],
        "gateways_more": len(gateways) > GATEWAY_ROWS,
    }


def connected_by_gateway(
    accounts: Accounts, gateways: Sequence[Gateway]
) -> dict[int, tuple[int, int]]:
    """Count by gateway id the accounts that should run, and those of them that are connected."""
    rows = (
        accounts.filter(gateway__in=gateways, wanted=Wanted.RUNNING)
        .order_by()
        .values_list("gateway")
        .annotate(wanted_number=Count("pk"), on=Count("pk", filter=Q(group=Group.CONNECTED)))
    )
    return {pk: (wanted, connected) for pk, wanted, connected in rows}


def _gateway(gateway: Any, numbers: dict[int, tuple[int, int]], now: datetime) -> dict[str, Any]:
    wanted, connected = numbers.get(gateway.pk, (0, 0))
    reach = reach_of(gateway, now, gateway.maintained_until)
    return {
        "gateway": gateway,
        "badge": label(reach.word, tone=reach.tone, icon=reach.icon),
        "sentence": reach.sentence,
        "wanted": wanted,
        "connected": connected,
        "short": wanted - connected,
    }
