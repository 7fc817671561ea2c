"""What every admin page says: whether anybody calls the roll, and the numbers in the side bar.

Without worker or scheduler every page would slowly become a lie.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Min
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.explain.explanation import age
from accounts.models import Gateway, Incident
from accounts.store import clock
from dashboard.account.groups import Group, with_group
from dashboard.content_policy import live_url
from notices.subscriptions import unread
from reconciliation.models import Run

BLIND_AFTER = timedelta(seconds=60)


def request_now(request: HttpRequest) -> datetime:
    """The database's time, asked once for a request: all ages on a page agree."""
    now: datetime | None = getattr(request, "rollcall_now", None)
    if now is None:
        now = clock.database_now()
        request.rollcall_now = now  # type: ignore[attr-defined]
    return now


def blindness(now: datetime) -> str:
    """Return why these pages are out of date; "" while roll calls end, with whatever result."""
    first = Gateway.objects.aggregate(first=Min("created_at"))["first"]
    if first is None:
        return ""
    last = Run.objects.order_by("-id").values_list("finished_at", flat=True).first()
    if last is None:
        waiting = now - first > BLIND_AFTER
        return (
            "Rollcall has not read any gateway yet: check that the worker is running."
            if waiting
            else ""
        )
    if now - last <= BLIND_AFTER:
        return ""
    return (
        f"Rollcall has not read any gateway for {age(last, now)}: "
        "check that worker and scheduler are running."
    )


def context(request: HttpRequest) -> dict[str, Any]:
    """Return the values for every admin page (unfold's GLOBAL_CALLBACK)."""
    if not getattr(request, "user", None) or not request.user.is_staff:
        return {}
    now = request_now(request)
    return {
        "watcher_blind": blindness(now),
        "version": settings.VERSION,
        "live_url": live_url(request),
        "live_now": now,
        "attention": sum(badges(request).values()),
        "bell": _bell(request),
    }


def _bell(request: HttpRequest) -> SafeString:
    """The bell of every page: how many notices the user has not read."""
    number = unread(request.user.pk or 0)
    return format_html(
        '<a class="rc-bell" href="{}" title="Your notices" aria-label="Your notices, {} unread">'
        '<span class="material-symbols-outlined" aria-hidden="true">notifications</span>{}</a>',
        reverse("admin:notices_notice_mine"),
        number,
        format_html('<span class="rc-bell__number">{}</span>', min(number, 999)) if number else "",
    )


def badges(request: HttpRequest) -> dict[str, int]:
    """Count by model; only what the user may view, and nothing before login. Counted once for a
    request."""
    known: dict[str, int] | None = getattr(request, "rollcall_badges", None)
    if known is None:
        known = _counted(request)
        request.rollcall_badges = known  # type: ignore[attr-defined]
    return known


def _counted(request: HttpRequest) -> dict[str, int]:
    numbers: dict[str, int] = {}
    if request.user.has_perm("accounts.view_account"):
        accounts = with_group(request_now(request))
        numbers["accounts.account"] = accounts.filter(group=Group.HUMAN).count()
    if request.user.has_perm("accounts.view_incident"):
        numbers["accounts.incident"] = Incident.objects.filter(closed_at__isnull=True).count()
    return numbers
