"""Incidents: the open ones first, each with its cure, and what was told of it to whom."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts.explain.explanation import age
from accounts.incidents import alert_rules
from accounts.incidents.affected import Customer, affected_by
from accounts.models import Incident, Notification
from dashboard.admin.account.verbs import Verb
from dashboard.admin.confirm.pages import ActedOnAdmin
from dashboard.admin.filters import choices_filter, null_filter
from dashboard.admin.incident.verbs import INCIDENT_VERBS
from dashboard.wording.html import label, moment, visible

_TOLD = {
    Notification.State.PENDING: ("busy", "hourglass_empty"),
    Notification.State.SENT: ("good", "check_circle"),
    Notification.State.CANCELLED: ("off", "do_not_disturb_on"),
    Notification.State.DEAD: ("bad", "error"),
}

# Customers with a link of their own on an incident's page.
MOST_LINKED = 20

open_filter = null_filter("closed_at", "state", null="Open", filled="Closed")
kind_filter = choices_filter("kind", "kind")


@admin.register(Incident)
class IncidentAdmin(ActedOnAdmin):
    list_display = ("what", "state", "lasts", "count", "seen", "cure_shown")
    list_display_links = ("what",)
    list_select_related = ("gateway",)
    list_filter = (open_filter, kind_filter, "gateway")
    fields = (
        *("what", "gateway", "state", "lasts", "count", "seen", "text", "cure"),
        *("whom", "acknowledged", "muted_until", "told"),
    )
    readonly_fields = ("what", "state", "lasts", "seen", "whom", "acknowledged", "told")

    def verbs(self, request: HttpRequest) -> dict[str, Verb]:
        return INCIDENT_VERBS

    def rows_for_acts(self) -> QuerySet[Incident]:
        return Incident.objects.select_related("gateway")

    def get_ordering(self, request: HttpRequest) -> Any:
        """Open ones first."""
        return (F("closed_at").desc(nulls_first=True), "-id")

    @admin.display(description="incident", ordering="kind")
    def what(self, incident: Incident) -> SafeString:
        return format_html(
            '<span class="rc-number">{}</span><span class="rc-sub">{}</span>',
            visible(incident.gateway.name if incident.gateway else "Rollcall"),
            incident.get_kind_display(),
        )

    @admin.display(description="state")
    def state(self, incident: Any) -> SafeString:
        if incident.closed_at is not None:
            return label("over", tone="off", icon="task_alt")
        if alert_rules.is_muted(incident, incident.seen_now):
            until = f"muted until {incident.muted_until:%Y-%m-%d %H:%M} UTC"
            return label(until, tone="warn", icon="notifications_paused")
        if incident.acknowledged_at is not None:
            by = f"open, {visible(incident.acknowledged_by)} is handling it"
            return label(by, tone="warn", icon="front_hand")
        return label("open", tone="bad", icon="error")

    @admin.display(description="since", ordering="opened_at")
    def lasts(self, incident: Any) -> SafeString:
        if incident.closed_at is None:
            return moment(incident.opened_at, incident.seen_now)
        return format_html(
            '{}<span class="rc-sub">lasted {}</span>',
            moment(incident.opened_at, incident.seen_now),
            age(incident.opened_at, incident.closed_at),
        )

    @admin.display(description="last seen", ordering="last_seen_at")
    def seen(self, incident: Any) -> SafeString:
        return moment(incident.last_seen_at, incident.seen_now)

    @admin.display(description="text and next step")
    def cure_shown(self, incident: Incident) -> SafeString:
        return format_html(
            '<span class="rc-clip">{}</span><span class="rc-sub rc-clip">{}</span>',
            incident.text,
            incident.cure if incident.closed_at is None else "",
        )

    def get_fields(self, request: HttpRequest, obj: Incident | None = None) -> Any:
        """Return the fields; customers are named only to who may see their accounts."""
        fields = super().get_fields(request, obj)
        if request.user.has_perm("accounts.view_account"):
            return fields
        return [name for name in fields if name != "whom"]

    @admin.display(description="accounts there now")
    def whom(self, incident: Any) -> SafeString | str:
        if incident.gateway_id is None:
            return "not of one gateway"
        affected = affected_by([incident.gateway_id], incident.seen_now)[incident.gateway_id]
        accounts = reverse("admin:accounts_account_changelist")
        here = f"{accounts}?gateway__id__exact={incident.gateway_id}"
        links = [(here, affected.text() or "none should run there")]
        links += [
            (f"{here}&workspace__id__exact={one.workspace_id}", _of_customer(one))
            for one in affected.customers[:MOST_LINKED]
        ]
        lines = format_html_join("", '<p><a class="rc-link" href="{}">{}</a></p>', links)
        rest = len(affected.customers) - MOST_LINKED
        return lines if rest <= 0 else format_html("{}<p>and {} more customers</p>", lines, rest)

    @admin.display(description="acknowledged")
    def acknowledged(self, incident: Any) -> SafeString | str:
        if incident.acknowledged_at is None:
            return "no"
        when = moment(incident.acknowledged_at, incident.seen_now)
        return format_html("by {}, {}", visible(incident.acknowledged_by), when)

    @admin.display(description="alerts")
    def told(self, incident: Incident) -> SafeString | str:
        rows = incident.notifications.select_related("channel").order_by("id")
        lines = [
            (
                visible(row.channel.name),
                row.get_what_display(),
                label(
                    row.get_state_display(),
                    tone=_TOLD[Notification.State(row.state)][0],
                    icon=_TOLD[Notification.State(row.state)][1],
                ),
                visible(row.error),
            )
            for row in rows
        ]
        return format_html_join("", "<p>{}: {} {} {}</p>", lines) or "none: no alert channel was on"


def _of_customer(one: Customer) -> SafeString:
    return format_html("{}: {} of {} not connected", visible(one.name), one.down, one.accounts)
