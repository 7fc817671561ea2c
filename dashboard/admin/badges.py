"""Numbers beside the words of the side bar: what waits for somebody."""

from __future__ import annotations

from django.http import HttpRequest

from accounts.models import Incident
from dashboard.account.groups import Group, with_group
from dashboard.roll_call_watch import request_now


def badges(request: HttpRequest) -> dict[str, int]:
    """Count by model; only what the user may view, and nothing before login."""
    numbers: dict[str, int] = {}
    if request.user.has_perm("accounts.view_account"):
        accounts = with_group(request_now(request))
        numbers["accounts.account"] = accounts.filter(group=Group.HUMAN).count()
    if request.user.has_perm("accounts.view_incident"):
        numbers["accounts.incident"] = Incident.objects.filter(closed_at__isnull=True).count()
    return numbers
