"""Notices about numbers: what was told to whom, and a user's own list behind the bell."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_http_methods

from dashboard.admin.account.verbs import Verb
from dashboard.admin.base import ReadOnlyAdmin
from dashboard.admin.confirm.pages import ActedOnAdmin
from dashboard.admin.filters import choices_filter, null_filter
from dashboard.roll_call_watch import request_now
from dashboard.wording.html import label, moment, visible
from notices.judging import group
from notices.models import Delivery, Notice, Severity
from notices.subscriptions import latest, mark_read
from notices.wording.story import Teller

SHOWN = 50
TONES = {
    Delivery.State.PENDING: ("busy", "hourglass_empty"),
    Delivery.State.SENT: ("good", "check_circle"),
    Delivery.State.CANCELLED: ("off", "do_not_disturb_on"),
    Delivery.State.DEAD: ("bad", "error"),
}


def _cannot_acknowledge(notice: Notice, now: datetime) -> str:
    if notice.acknowledged_at is not None:
        return f"{notice.acknowledged_by} acknowledged it already"
    return "it is over" if notice.closed_at is not None else ""


ACKNOWLEDGE = Verb(
    name="acknowledge",
    label="Acknowledge notice",
    done="Acknowledged",
    costs="No more reminders are sent of it. Its recovery is told.",
    act=lambda notice, actor, why: group.acknowledge(notice, actor=actor),
    refusal=_cannot_acknowledge,
    icon="front_hand",
)


@admin.register(Notice)
class NoticeAdmin(ActedOnAdmin):
    list_display = ("audience", "state", "number", "severity", "since")
    list_display_links = ("audience",)
    list_select_related = ("workspace",)
    list_filter = (
        null_filter("closed_at", "state", null="Open", filled="Over"),
        choices_filter("severity", "severity"),
    )
    fields = ("audience", "state", "number", "severity", "since", "acknowledged_by", "told")
    readonly_fields = ("audience", "state", "since", "told")

    def verbs(self, request: HttpRequest) -> dict[str, Verb]:
        return {ACKNOWLEDGE.name: ACKNOWLEDGE}

    def rows_for_acts(self) -> QuerySet[Notice]:
        return Notice.objects.select_related("workspace")

    def get_ordering(self, request: HttpRequest) -> Any:
        return (F("closed_at").desc(nulls_first=True), "-id")

    def get_urls(self) -> list[URLPattern]:
        mine = self.admin_site.admin_view(_mine)
        return [path("mine/", mine, name="notices_notice_mine"), *super().get_urls()]

    @admin.display(description="told to")
    def audience(self, notice: Notice) -> str:
        return visible(notice.workspace) if notice.workspace else "operators"

    @admin.display(description="state")
    def state(self, notice: Notice) -> SafeString:
        if notice.closed_at is not None:
            return label("over", tone="off", icon="task_alt")
        if notice.acknowledged_at is not None:
            by = f"open, {visible(notice.acknowledged_by)} is handling it"
            return label(by, tone="warn", icon="front_hand")
        tone = "bad" if notice.severity == Severity.CRITICAL else "warn"
        return label("open", tone=tone, icon="error")

    @admin.display(description="since", ordering="opened_at")
    def since(self, notice: Any) -> SafeString:
        return moment(notice.opened_at, notice.seen_now)

    @admin.display(description="deliveries")
    def told(self, notice: Notice) -> SafeString | str:
        rows = notice.deliveries.select_related(
            "subscription__user", "subscription__channel", "subscription__workspace"
        )
        lines = [
            (visible(row.subscription), row.get_what_display(), state_of(row), visible(row.error))
            for row in rows.order_by("id")[:200]
        ]
        return format_html_join("", "<p>{}: {} {} {}</p>", lines) or "nobody subscribes"


def state_of(delivery: Delivery) -> SafeString:
    tone, icon = TONES[Delivery.State(delivery.state)]
    return label(delivery.get_state_display(), tone=tone, icon=icon)


@require_http_methods(["GET", "HEAD", "POST"])
def _mine(request: HttpRequest) -> HttpResponseBase:
    """Show a user's own notices. POST marks all of them as read."""
    user_id = request.user.pk or 0
    if request.method == "POST":
        mark_read(user_id)
        return redirect("admin:notices_notice_mine")
    now = request_now(request)
    rows = [(row, Teller(row.subscription, now).tell(row)) for row in latest(user_id, SHOWN)]
    context = {
        **admin.site.each_context(request),
        "title": "Your notices",
        "rows": rows,
        "now": now,
    }
    answer: HttpResponse = TemplateResponse(request, "dashboard/notices.html", context)
    return answer


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = ("subscription", "what", "state_shown", "attempts", "error_shown", "created")
    list_select_related = (
        *("subscription__user", "subscription__channel", "subscription__workspace"),
        "notice__workspace",
    )
    list_filter = (choices_filter("state", "state"), choices_filter("what", "what"))

    @admin.display(description="state")
    def state_shown(self, delivery: Delivery) -> SafeString:
        return state_of(delivery)

    @admin.display(description="last error")
    def error_shown(self, delivery: Delivery) -> str:
        return visible(delivery.error)

    @admin.display(description="created", ordering="created_at")
    def created(self, delivery: Any) -> SafeString:
        return moment(delivery.created_at, delivery.seen_now)
