"""What an open page is sent of accounts: badges, the cells of their rows, and counts. Called by the
process of the streams (settings.LIVE_ACCOUNTS and LIVE_COUNTS)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from django.db.models import Count

from accounts.models import Incident
from accounts.words.status import Status
from dashboard.account.groups import ShownAccount, with_group
from dashboard.admin.account.columns import AccountColumns
from dashboard.wording.html import badge

# The columns of the list that change with a status.
CELLS = ("status_sentence", "since", "why", "evidence")
# A larger batch of changes comes without cells, as the first event of a page does: these pages read
# themselves again.
MOST_WITH_CELLS = 200


def shown(
    now: datetime, **wanted: Collection[Any]
) -> Iterator[tuple[ShownAccount, dict[str, Any]]]:
    """Yield each account that `wanted` selects ("pk__in" or "uuid__in"), and what is shown of
    it."""
    accounts = with_group(now, hidden=True).select_related("gateway", "workspace").filter(**wanted)
    has_cells = 0 < len(wanted.get("pk__in", ())) <= MOST_WITH_CELLS
    for account in accounts:
        account.seen_now = now
        yield account, _said(account, now) | ({"cells": _cells(account)} if has_cells else {})


def _said(account: ShownAccount, now: datetime) -> dict[str, Any]:
    status = Status(account.shown)
    return {
        "status": status.value,
        "reason": account.status_reason,
        "since": account.status_since.isoformat(),
        "badge": badge(account, status, now),
    }


def _cells(account: ShownAccount) -> dict[str, str]:
    columns = AccountColumns()
    return {name: getattr(columns, name)(account) for name in CELLS}


def counts(now: datetime) -> tuple[dict[int, dict[str, int]], int]:
    """Return the accounts by workspace and group, and the number of open incidents. Two
    statements."""
    rows = with_group(now).order_by().values_list("workspace", "group").annotate(Count("pk"))
    found: dict[int, dict[str, int]] = {}
    for workspace_id, group, number in rows:
        found.setdefault(workspace_id, {})[str(group)] = number
    return found, Incident.objects.filter(closed_at__isnull=True).count()
