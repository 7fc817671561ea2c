"""Starts of sessions: who asked, why, what was done, what came of it. Read only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.models import Repair
from accounts.repair import repairs
from accounts.words.reasons import meaning
from dashboard.admin import filters
from dashboard.admin.base import ReadOnlyAdmin
from dashboard.admin.filters import choices_filter
from dashboard.wording.html import account_and_session, label, moment

_STATES = {
    Repair.State.WAITING: ("busy", "hourglass_empty"),
    Repair.State.RUNNING: ("busy", "sync"),
    Repair.State.UNCLEAR: ("blind", "visibility"),
    Repair.State.SUCCEEDED: ("good", "check_circle"),
    Repair.State.FAILED: ("bad", "report"),
    Repair.State.CANCELLED: ("off", "cancel"),
}
state_filter = choices_filter("state", "what came of it")
asker_filter = choices_filter("asked_by", "who asked")


@admin.register(Repair)
class RepairAdmin(ReadOnlyAdmin):
    list_display = ("asked", "session", "gateway", "who", "reasons", "done", "came")
    list_display_links = ("asked",)
    list_select_related = ("account", "gateway")
    list_filter = (state_filter, asker_filter, "gateway")
    search_fields = ("session_id",)
    search_help_text = filters.HELP
    ordering = ("-id",)
    exclude = ("steps",)
    readonly_fields = ("done", "standing")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Repair], search_term: str
    ) -> tuple[QuerySet[Repair], bool]:
        term = search_term.strip()
        return (queryset.filter(filters.of_account(term)) if term else queryset), False

    @admin.display(description="asked for", ordering="id")
    def asked(self, row: Any) -> SafeString:
        return moment(row.asked_at, row.seen_now)

    @admin.display(description="account and session")
    def session(self, row: Repair) -> SafeString:
        return account_and_session(row.account, row.session_id)

    @admin.display(description="by", ordering="asked_by")
    def who(self, row: Repair) -> str:
        return row.asker

    @admin.display(description="why")
    def reasons(self, row: Repair) -> SafeString:
        wrong = meaning(row.reason).text if row.reason else ""
        return format_html('<span class="rc-clip">{}</span>', row.why or wrong)

    @admin.display(description="what was done")
    def done(self, row: Repair) -> str:
        return row.steps_taken

    @admin.display(description="what came of it", ordering="state")
    def came(self, row: Repair) -> SafeString:
        tone, icon = _STATES[Repair.State(row.state)]
        text = label(row.get_state_display(), tone=tone, icon=icon)
        said = " · ".join(filter(None, (row.outcome, row.duration)))
        return format_html('{} <span class="rc-clip">{}</span>', text, said)

    @admin.display(description="where it stands")
    def standing(self, row: Any) -> str:
        return repairs.standing(row, row.seen_now)
