"""Accounts in the admin: a list that answers "who needs me?", one page that explains, verbs."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from accounts.models import Account, SupersededSession
from accounts.store.row_ids import row_id
from dashboard.account.groups import MEANINGS, Accounts, Group, counts, rows_between, with_group
from dashboard.admin import filters
from dashboard.admin.account.columns import AccountColumns
from dashboard.admin.account.filters import GroupFilter, HiddenFilter, StatusFilter
from dashboard.admin.account.form import RegisterForm
from dashboard.admin.account.page import page_of
from dashboard.admin.account.take_over import proposals, take_over_verb
from dashboard.admin.account.verbs import ACCOUNT_VERBS, Verb
from dashboard.admin.base import HarmlessChangeList, KeptAdmin, make_harmless
from dashboard.admin.confirm.pages import ConfirmingAdmin
from dashboard.admin.confirm.perform import write_down
from dashboard.admin.gateway.roll_call import roll_call_verb
from dashboard.roll_call_watch import request_now
from dashboard.wording.html import visible


class BrokenFirst(HarmlessChangeList):
    """What needs a human comes first, whatever the columns are sorted by."""

    _filters: Any = None

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        return ["turn", "urgency", *super().get_ordering(request, queryset)]

    def get_filters(self, request: HttpRequest) -> Any:
        """Build the filters once per page: counting the groups needs them again, and each one reads
        its gateways or workspaces."""
        if self._filters is None:
            self._filters = super().get_filters(request)
        return self._filters

    def group_counts(self, request: HttpRequest) -> dict[Group, int]:
        """Count the accounts in each group under all other filters."""
        return counts(self.get_queryset(request, exclude_parameters=["group"]))


class IdsFirstPaginator(Paginator):  # type: ignore[type-arg]
    def page(self, number: int | str) -> Page[Any]:
        number = self.validate_number(number)
        start = (number - 1) * self.per_page
        accounts: Accounts = self.object_list  # type: ignore[assignment]
        return Page(rows_between(accounts, start, start + self.per_page), number, self)


@admin.register(Account)
class AccountAdmin(AccountColumns, ConfirmingAdmin, KeptAdmin):
    list_display = (
        "number",
        "status_sentence",
        "since",
        "why",
        "evidence",
        "where",
    )
    paginator = IdsFirstPaginator
    list_filter = (GroupFilter, StatusFilter, "gateway", "workspace", HiddenFilter)
    list_display_links = None  # the first column brings its own
    list_before_template = "dashboard/account_groups.html"
    search_fields = ("phone_number", "session_id")
    search_help_text = filters.HELP
    ordering = ("-status_since",)

    # --- the list -------------------------------------------------------------------------------
    def get_queryset(self, request: HttpRequest) -> Accounts:
        accounts = with_group(request_now(request), hidden=True)
        return accounts.select_related("gateway", "workspace")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return BrokenFirst

    def get_search_results(
        self, request: HttpRequest, queryset: Accounts, search_term: str
    ) -> tuple[Accounts, bool]:
        """Search by number or any part of a session id, also of a replaced session."""
        term = search_term.strip()
        if not term:
            return queryset, False
        past = SupersededSession.objects.filter(session_id=term).values("account")
        found = Q(session_id__contains=term) | Q(pk__in=past)
        return queryset.filter(found | filters.by_number(term)), False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        response = super().changelist_view(request, extra_context)
        shown = getattr(response, "context_data", None) or {}
        if isinstance(cl := shown.get("cl"), BrokenFirst):
            shown["groups"] = _chips(cl, request)
        return response

    # --- acting ---------------------------------------------------------------------------------
    def verbs(self, request: HttpRequest) -> dict[str, Verb]:
        verbs = {"roll-call": roll_call_verb(), **ACCOUNT_VERBS}
        pk = row_id(request.POST.get("finding", ""))
        finding = None if pk is None else proposals().filter(pk=pk).first()
        return verbs | ({"take-over": take_over_verb(finding)} if finding else {})

    def kept_fields(self, request: HttpRequest) -> dict[str, str]:
        return {"finding": named} if (named := request.POST.get("finding", "")) else {}

    def rows_for_acts(self) -> Accounts:
        return Account.objects.select_related("gateway", "workspace")

    # --- one account ----------------------------------------------------------------------------
    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = RegisterForm(request.POST or None, initial=RegisterForm.proposed(request.GET.dict()))
        if form.is_valid() and (account := form.register(actor=request.user.get_username())):
            write_down(request.user, account, "Registered")
            messages.success(request, f"Registered {visible(account)}. It is being read now.")
            return redirect("admin:accounts_account_change", account.pk)
        context = {
            **self.admin_site.each_context(request),
            "title": "Register a number",
            "opts": self.opts,
            "form": form,
            "media": self.media,
        }
        return TemplateResponse(request, "dashboard/register.html", context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if request.method != "GET":
            return HttpResponseNotAllowed(["GET"])
        account = self.get_object(request, object_id)
        if account is None:
            raise Http404
        if not self.has_view_permission(request, account):
            raise PermissionDenied
        make_harmless(account)
        verbs = self.verbs(request) if self.has_change_permission(request, account) else {}
        context = {
            **self.admin_site.each_context(request),
            **page_of(account, request_now(request), verbs=verbs, asked=request.GET),
            "title": str(account),
            "original": account,
            "opts": self.opts,
            "media": self.media,
        }
        return TemplateResponse(request, "dashboard/account.html", context)


def _chips(cl: BrokenFirst, request: HttpRequest) -> list[dict[str, object]]:
    chosen = request.GET.get("group")
    return [
        {
            "label": group.label,
            "name": group.value,
            "meaning": MEANINGS[group],
            "number": number,
            "whole": request.GET.keys() <= {"group", "p", "o"},  # no other filter
            "chosen": group.value == chosen,
            "url": cl.get_query_string(
                {"group": group.value} if group.value != chosen else {}, remove=["group", "p"]
            ),
        }
        for group, number in cl.group_counts(request).items()
    ]
