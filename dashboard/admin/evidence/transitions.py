"""What was seen and decided: read only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.models import SupersededSession, Transition
from accounts.words.reasons import meaning
from dashboard.admin import filters
from dashboard.admin.base import ReadOnlyAdmin
from dashboard.admin.filters import choices_filter, null_filter
from dashboard.wording.html import account_and_session, label, moment

became_filter = choices_filter("to_status", "what it became")
source_filter = choices_filter("source", "who saw it")
confirmed_filter = null_filter(
    "confirmed_at", "was it confirmed", null="Not confirmed by a read yet", filled="Confirmed"
)


@admin.register(Transition)
class TransitionAdmin(ReadOnlyAdmin):
    list_display = ("written", "session", "change", "why", "source", "actor", "evidence")
    list_display_links = ("written",)
    list_select_related = ("account",)
    list_filter = (became_filter, source_filter)
    search_fields = ("session_id",)
    search_help_text = filters.HELP
    ordering = ("-id",)

    @admin.display(description="when", ordering="id")
    def written(self, row: Any) -> SafeString:
        return moment(row.created_at, row.seen_now)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Transition], search_term: str
    ) -> tuple[QuerySet[Transition], bool]:
        term = search_term.strip()
        return (queryset.filter(filters.of_account(term)) if term else queryset), False

    @admin.display(description="account and session")
    def session(self, row: Transition) -> SafeString:
        return account_and_session(row.account, row.session_id)

    @admin.display(description="change")
    def change(self, row: Transition) -> str:
        return row.change

    @admin.display(description="reason")
    def why(self, row: Transition) -> SafeString:
        text = meaning(row.reason).text if row.reason else ""
        raw = f" ({row.raw})" if row.raw else ""
        return format_html('<span class="rc-clip">{}{}</span>', text, raw)


@admin.register(SupersededSession)
class SupersededSessionAdmin(ReadOnlyAdmin):
    list_display = ("session", "gateway", "superseded", "state")
    list_select_related = ("account", "gateway")
    list_filter = (confirmed_filter, "gateway")
    search_fields = ("session_id",)
    search_help_text = filters.HELP
    ordering = ("-id",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[SupersededSession], search_term: str
    ) -> tuple[QuerySet[SupersededSession], bool]:
        term = search_term.strip()
        return (queryset.filter(filters.of_account(term)) if term else queryset), False

    @admin.display(description="account, and the session it left")
    def session(self, row: SupersededSession) -> SafeString:
        return account_and_session(row.account, row.session_id)

    @admin.display(description="replaced", ordering="superseded_at")
    def superseded(self, row: Any) -> SafeString:
        return moment(row.superseded_at, row.seen_now)

    @admin.display(description="state", ordering="confirmed_at")
    def state(self, row: SupersededSession) -> SafeString:
        if row.confirmed_at is None:
            return label("not confirmed by a read yet", tone="busy", icon="hourglass_empty")
        return label("confirmed", tone="off", icon="task_alt")
