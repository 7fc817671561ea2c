"""The inbox: every webhook as it was received, and what became of it. Its rows are never edited;
what was not applied can be given a second chance, or none."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from dashboard.admin import filters
from dashboard.admin.account.verbs import Verb
from dashboard.admin.confirm.pages import ActedOnAdmin
from dashboard.admin.inbox.filters import KindFilter, ReceivedFilter, RetryFilter, StateFilter
from dashboard.admin.inbox.verbs import DELIVERY_VERBS
from dashboard.wording.html import account_and_session, label, moment, visible
from webhooks.models import Delivery

_STATES = {
    Delivery.State.PENDING: ("busy", "hourglass_empty"),
    Delivery.State.APPLIED: ("good", "check_circle"),
    Delivery.State.IGNORED: ("off", "do_not_disturb_on"),
    Delivery.State.SUPERSEDED: ("off", "history"),
    Delivery.State.DEAD: ("bad", "error"),
    Delivery.State.DISCARDED: ("off", "delete"),
}


@admin.register(Delivery)
class DeliveryAdmin(ActedOnAdmin):
    list_display = ("received", "event", "what_became", "session", "gateway", "why")
    list_display_links = ("received",)
    list_select_related = ("gateway", "account")
    list_filter = (StateFilter, KindFilter, ReceivedFilter, RetryFilter, "gateway")
    search_fields = ("session_id",)
    search_help_text = f"{filters.HELP}, or event"
    ordering = ("-id",)
    fields = (
        *("gateway", "account", "event", "event_id", "session_id", "workspace_claim", "path"),
        *("state", "error", "error_class", "first_error", "attempts", "is_probable_retry"),
        *("occurred_at", "received_at", "next_attempt_at", "settled_at"),
        *("said_as_text", "size_bytes", "digest"),
    )
    readonly_fields = ("said_as_text",)

    def verbs(self, request: HttpRequest) -> dict[str, Verb]:
        return DELIVERY_VERBS

    def rows_for_acts(self) -> QuerySet[Delivery]:
        """Oldest first, as they are redelivered."""
        return Delivery.objects.select_related("gateway", "account").order_by("received_at", "pk")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        return super().get_queryset(request).defer("said")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Delivery], search_term: str
    ) -> tuple[QuerySet[Delivery], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        return queryset.filter(filters.of_account(term) | Q(event=term)), False

    @admin.display(description="received", ordering="id")
    def received(self, row: Any) -> SafeString:
        return moment(row.received_at, row.seen_now)

    @admin.display(description="account and session")
    def session(self, row: Delivery) -> SafeString:
        return account_and_session(row.account, row.session_id)

    @admin.display(description="what became of it", ordering="state")
    def what_became(self, row: Delivery) -> SafeString:
        tone, icon = _STATES[Delivery.State(row.state)]
        said = [f"{row.attempts} tries"] if row.attempts > 1 else []
        said += ["probably a retry"] if row.is_probable_retry else []
        return format_html(
            "{}{}",
            label(row.state, tone=tone, icon=icon),
            format_html_join("", '<span class="rc-sub">{}</span>', ([text] for text in said)),
        )

    @admin.display(description="why")
    def why(self, row: Delivery) -> SafeString:
        return format_html('<span class="rc-clip">{}</span>', row.error)

    @admin.display(description="what it said")
    def said_as_text(self, row: Delivery) -> SafeString:
        lines = json.dumps(row.said, indent=2, ensure_ascii=False).splitlines()
        return format_html(
            '<pre class="rc-mono rc-breaks">{}</pre>', "\n".join(visible(line) for line in lines)
        )
