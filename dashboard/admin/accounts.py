"""Accounts in the admin: a list that answers "who needs me?", one page that explains, verbs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponseBase, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern

from accounts.models import Account
from dashboard.account_page import page_of
from dashboard.admin.account_columns import AccountColumns
from dashboard.admin.account_filters import GroupFilter, HiddenFilter, StatusFilter
from dashboard.admin.account_form import RegisterForm
from dashboard.admin.acting import write_down
from dashboard.admin.base import HarmlessChangeList, KeptAdmin
from dashboard.admin.confirming import ConfirmingMixin
from dashboard.admin.verbs import VERBS, Verb
from dashboard.groups import MEANINGS, Group, counts, with_group
from dashboard.shown import visible
from dashboard.watch import request_now
from gateways.base import normal_phone_number


class BrokenFirst(HarmlessChangeList):
    """What needs a human comes first, whatever the columns are sorted by."""

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        return ["turn", "urgency", *super().get_ordering(request, queryset)]

    def group_counts(self, request: HttpRequest) -> dict[Group, int]:
        """How many are in each group under all other filters."""
        return counts(self.get_queryset(request, exclude_parameters=["group"]))


@admin.register(Account)
class AccountAdmin(AccountColumns, ConfirmingMixin, KeptAdmin):
    list_display = (
        "number",
        "status_sentence",
        "since",
        "why",
        "evidence",
        "gateway_name",
        "workspace_name",
    )
    list_filter = (GroupFilter, StatusFilter, "gateway", "workspace", HiddenFilter)
    list_before_template = "dashboard/account_groups.html"
    search_fields = ("phone_number", "session_id")
    search_help_text = "Number or session id, or how it begins"
    ordering = ("-status_since",)

    # --- the list ---------------------------------------------------------------------------------
    def get_queryset(self, request: HttpRequest) -> QuerySet[Account]:
        return with_group(request_now(request)).select_related("gateway", "workspace")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return BrokenFirst

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Account], search_term: str
    ) -> tuple[QuerySet[Account], bool]:
        """By the beginning of a number, however it is written, or of a session id, also of one
        that was superseded."""
        term = search_term.strip()
        if not term:
            return queryset, False
        found = Q(session_id__startswith=term) | Q(
            pk__in=Account.objects.filter(superseded_sessions__session_id=term).values("pk")
        )
        digits = "".join(character for character in term if character not in "+-(). \u00a0")
        if digits.isascii() and digits.isdigit():
            found |= Q(phone_number__startswith=digits)
        elif number := normal_phone_number(term):
            found |= Q(phone_number=number)
        return queryset.filter(found), False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        response = super().changelist_view(request, extra_context)
        shown = getattr(response, "context_data", None) or {}
        if isinstance(cl := shown.get("cl"), BrokenFirst):
            shown["groups"] = _chips(cl, request)
        return response

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        if not self.has_change_permission(request):
            return {}
        return {verb.name: (_as_action(verb), verb.name, verb.label) for verb in VERBS.values()}

    # --- one account --------------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        return [*self.act_urls(), *super().get_urls()]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponseBase:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = RegisterForm(request.POST or None)
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
    ) -> HttpResponseBase:
        if request.method != "GET":
            return HttpResponseNotAllowed(["GET"])
        account = self.get_object(request, object_id)
        if account is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if not self.has_view_permission(request, account):
            raise PermissionDenied
        may_act = self.has_change_permission(request, account)
        context = {
            **self.admin_site.each_context(request),
            **page_of(account, request_now(request), may_act=may_act, before=request.GET),
            "title": visible(account),
            "opts": self.opts,
            "media": self.media,
        }
        return TemplateResponse(request, "dashboard/account.html", context)


def _as_action(verb: Verb) -> Callable[..., HttpResponseBase | None]:
    def action(
        model_admin: AccountAdmin, request: HttpRequest, queryset: QuerySet[Account]
    ) -> HttpResponseBase:
        return model_admin.confirm(request, verb, list(queryset[: verb.most + 1]))

    return action


def _chips(cl: BrokenFirst, request: HttpRequest) -> list[dict[str, object]]:
    chosen = request.GET.get("group")
    return [
        {
            "label": group.label,
            "name": group.value,
            "meaning": MEANINGS[group],
            "number": number,
            "chosen": group.value == chosen,
            "url": cl.get_query_string(
                {"group": group.value} if group.value != chosen else {}, remove=["group", "p"]
            ),
        }
        for group, number in cl.group_counts(request).items()
    ]
