"""What was seen and decided: read only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import F
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.models import Incident, SupersededSession, Transition
from accounts.reasons import meaning
from accounts.status import Status
from dashboard.admin.base import ReadOnlyAdmin
from dashboard.pieces import label, link_to, moment


@admin.register(Transition)
class TransitionAdmin(ReadOnlyAdmin):
    list_display = ("written", "account_link", "change", "why", "source", "actor", "evidence")
    list_display_links = ("written",)
    list_select_related = ("account",)
    list_filter = ("to_status", "source")
    search_fields = ("account__phone_number__startswith", "session_id__startswith")
    search_help_text = "Number or session id, or how it begins"
    ordering = ("-id",)

    @admin.display(description="when", ordering="id")
    def written(self, row: Any) -> SafeString:
        return moment(row.created_at, row.seen_now)

    @admin.display(description="account")
    def account_link(self, row: Transition) -> SafeString | str:
        return link_to(row.account)

    @admin.display(description="change")
    def change(self, row: Transition) -> str:
        return f"{Status(row.from_status).label} → {Status(row.to_status).label}"

    @admin.display(description="reason")
    def why(self, row: Transition) -> SafeString:
        text = meaning(row.reason).text if row.reason else ""
        raw = f" ({row.raw})" if row.raw else ""
        return format_html('<span class="rc-clip">{}{}</span>', text, raw)


@admin.register(SupersededSession)
class SupersededSessionAdmin(ReadOnlyAdmin):
    list_display = ("session_id", "account", "gateway", "superseded_at", "confirmed_at")
    list_select_related = ("account", "gateway")
    list_filter = ("gateway",)
    search_fields = ("session_id__startswith", "account__phone_number__startswith")
    ordering = ("-id",)


@admin.register(Incident)
class IncidentAdmin(ReadOnlyAdmin):
    list_display = ("what", "state", "gateway", "opened", "seen", "count", "details")
    list_select_related = ("gateway",)
    list_filter = ("kind", ("closed_at", admin.EmptyFieldListFilter), "gateway")

    def get_ordering(self, request: HttpRequest) -> Any:
        """Open ones first."""
        return (F("closed_at").desc(nulls_first=True), "-id")

    @admin.display(description="what")
    def what(self, incident: Incident) -> str:
        return incident.get_kind_display()

    @admin.display(description="state")
    def state(self, incident: Incident) -> SafeString:
        if incident.closed_at is None:
            return label("open", tone="bad", icon="error")
        return label("closed", tone="off", icon="task_alt")

    @admin.display(description="details")
    def details(self, incident: Incident) -> SafeString:
        return format_html('<span class="rc-clip">{}</span>', incident.text)

    @admin.display(description="opened", ordering="opened_at")
    def opened(self, incident: Any) -> SafeString:
        return moment(incident.opened_at, incident.seen_now)

    @admin.display(description="last seen", ordering="last_seen_at")
    def seen(self, incident: Any) -> SafeString:
        return moment(incident.last_seen_at, incident.seen_now)
