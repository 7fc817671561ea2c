"""Roll calls and what they found. Read only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from dashboard.admin import filters
from dashboard.admin.account.take_over import ADOPTABLE, proposals
from dashboard.admin.base import ReadOnlyAdmin
from dashboard.admin.filters import PlainFilter, choices_filter, null_filter
from dashboard.wording.html import account_and_session, label, moment, visible
from reconciliation.models import Finding, Run

FINDINGS_SHOWN = 100
_OUTCOMES = {
    Run.Outcome.IN_SYNC: ("good", "check_circle"),
    Run.Outcome.DRIFT: ("warn", "difference"),
    Run.Outcome.PARTIAL: ("blind", "rule"),
    Run.Outcome.UNREADABLE: ("bad", "visibility_off"),
}


outcome_filter = choices_filter("outcome", "how it ended")
kind_filter = choices_filter("kind", "what was found")
ended_filter = null_filter("ended_at", "is it still so", null="Still found", filled="Ended")


class HeldFilter(PlainFilter):
    title = "was it acted on"
    parameter_name = "held"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Held: seen, not acted on"), ("no", "Acted on, or nothing to do")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(held=self.value() == "yes") if self.value() else queryset


@admin.register(Run)
class RunAdmin(ReadOnlyAdmin):
    list_display = ("started", "gateway", "what_came", "sessions_listed", "found", "took", "reason")
    list_display_links = ("started",)
    list_select_related = ("gateway",)
    list_filter = (outcome_filter, "gateway")
    ordering = ("-id",)
    readonly_fields = ("its_findings",)

    @admin.display(description="started", ordering="id")
    def started(self, run: Any) -> SafeString:
        return moment(run.started_at, run.seen_now)

    @admin.display(description="outcome", ordering="outcome")
    def what_came(self, run: Run) -> SafeString:
        tone, icon = _OUTCOMES[Run.Outcome(run.outcome)]
        return label(run.get_outcome_display(), tone=tone, icon=icon)

    @admin.display(description="findings", ordering="findings_count")
    def found(self, run: Run) -> str:
        if run.held_count == run.findings_count > 0:
            return f"{run.held_count}, held"
        return f"{run.findings_count}" + (f", {run.held_count} held" if run.held_count else "")

    @admin.display(description="took")
    def took(self, run: Run) -> str:
        seconds = (run.finished_at - run.started_at).total_seconds()
        return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"

    @admin.display(description="why")
    def reason(self, run: Run) -> SafeString:
        return format_html('<span class="rc-clip">{}</span>', run.why)

    @admin.display(description="findings last seen by it")
    def its_findings(self, run: Run) -> SafeString:
        rows = run.findings.order_by("kind", "pk")[:FINDINGS_SHOWN]
        return format_html_join(
            "",
            "<p>{}: {} {}</p>",
            ((row.kind, visible(row.session_id), visible(row.why)) for row in rows),
        )


@admin.register(Finding)
class FindingAdmin(ReadOnlyAdmin):
    list_display = (
        "what",
        "session",
        "moved",
        "state",
        "seen",
        "gateway",
        "reason",
    )
    list_display_links = ("what",)
    list_select_related = ("gateway", "account")
    list_filter = (kind_filter, ended_filter, HeldFilter, "gateway")
    search_fields = ("session_id",)
    search_help_text = filters.HELP
    change_form_outer_before_template = "dashboard/finding_verbs.html"
    ordering = ("-last_seen_at", "-id")

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the button to take the session over, to users who may."""
        shown = dict(extra_context or {})
        finding = self.get_object(request, object_id)
        open_one = finding is not None and finding.ended_at is None
        if (
            open_one
            and finding.kind in ADOPTABLE
            and request.user.has_perm("accounts.change_account")
        ):
            shown["finding"] = finding
            shown["adoptable"] = proposals().filter(pk=finding.pk).exists()
        return super().change_view(request, object_id, form_url, shown)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Finding], search_term: str
    ) -> tuple[QuerySet[Finding], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        return queryset.filter(filters.of_account(term)), False

    @admin.display(description="finding", ordering="kind")
    def what(self, row: Finding) -> SafeString:
        return format_html(
            '<span class="rc-number">{}</span><span class="rc-sub rc-clip">{}</span>',
            row.kind,
            row.get_kind_display(),
        )

    @admin.display(description="account and session")
    def session(self, row: Finding) -> SafeString:
        return account_and_session(row.account, row.session_id)

    @admin.display(description="last seen", ordering="last_seen_at")
    def seen(self, row: Any) -> SafeString:
        return moment(row.last_seen_at, row.seen_now)

    @admin.display(description="was, and is")
    def moved(self, row: Finding) -> str:
        return f"{row.was} → {row.now}" if row.was and row.now != row.was else row.now

    @admin.display(description="state")
    def state(self, row: Finding) -> SafeString:
        if row.ended_at is not None:
            return label("ended", tone="off", icon="task_alt")
        if row.held:
            return label("held", tone="blind", icon="pause_circle")
        return label("still found", tone="warn", icon="difference")

    @admin.display(description="why")
    def reason(self, row: Finding) -> SafeString:
        return format_html('<span class="rc-clip">{}</span>', row.why)
