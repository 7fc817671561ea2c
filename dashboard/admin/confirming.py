"""From a button to the confirmed act: POST shows the plan, a second POST does it. GET does
nothing."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

from accounts.models import Account
from dashboard.admin.acting import Plan, Report, carry_out, claim
from dashboard.admin.verbs import VERBS, Verb
from dashboard.watch import request_now

# From this many on, the number must be typed: a slip of the mouse must not stop a fleet.
TYPED_ABOVE = 50


class ConfirmForm(forms.Form):
    ids = forms.CharField(widget=forms.HiddenInput)
    form = forms.UUIDField(widget=forms.HiddenInput)
    back = forms.CharField(widget=forms.HiddenInput, required=False)
    confirmed = forms.CharField(widget=forms.HiddenInput)
    why = forms.CharField(
        label="Reason",
        max_length=200,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="It is kept in the account's history.",
    )
    typed = forms.IntegerField(required=False, widget=UnfoldAdminIntegerFieldWidget)

    def __init__(self, *args: Any, plan: Plan, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.number = len(plan.will)
        self.fields["why"].required = plan.verb.asks_why
        if not plan.verb.asks_why:
            self.fields["why"].help_text = "Optional. It is kept in the account's history."
        self.fields["typed"].label = f"Type {self.number} to confirm so many"
        if self.number <= TYPED_ABOVE:
            del self.fields["typed"]

    def clean_typed(self) -> int | None:
        typed: int | None = self.cleaned_data["typed"]
        if typed != self.number:
            raise forms.ValidationError(f"Type {self.number}: that many will be touched.")
        return typed


class ConfirmingMixin:
    """For the accounts' admin: the page before an act, and the act."""

    admin_site: Any
    opts: Any

    def act_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.act_view)
        return [path("act/<slug:name>/", view, name="accounts_account_act")]

    def verb_named(self, name: str, request: HttpRequest) -> Verb:
        if name not in VERBS:
            raise Http404
        return VERBS[name]

    def act_view(self, request: HttpRequest, name: str) -> HttpResponseBase:
        if not self.has_change_permission(request):  # type: ignore[attr-defined]
            raise PermissionDenied
        if request.method != "POST":
            messages.info(request, "Nothing was done. Choose what to do once more.")
            return redirect("admin:accounts_account_changelist")
        verb = self.verb_named(name, request)
        ids = [int(part) for part in request.POST.get("ids", "").split(",") if part.isdigit()]
        accounts = self.accounts_by_id(ids)
        if not accounts:
            messages.warning(request, "Nothing was chosen.")
            return redirect(self._back(request, accounts))
        return self.confirm(request, verb, accounts)

    def accounts_by_id(self, ids: Sequence[int]) -> list[Account]:
        rows = Account.objects.select_related("gateway", "workspace")
        return list(rows.filter(pk__in=ids[: max(verb.most for verb in VERBS.values())]))

    def confirm(
        self, request: HttpRequest, verb: Verb, accounts: Sequence[Account]
    ) -> HttpResponseBase:
        plan = Plan.of(verb, accounts, request_now(request))
        if len(plan.will) > verb.most:
            messages.error(request, f"{verb.label}: at most {verb.most} at once.")
            return redirect(self._back(request, accounts))
        if "confirmed" not in request.POST:
            return self._confirm_page(request, plan, self._fresh_form(request, plan))
        form = ConfirmForm(request.POST, plan=plan)
        if not form.is_valid():
            return self._confirm_page(request, plan, form)
        return self._act(request, plan, form)

    def _act(self, request: HttpRequest, plan: Plan, form: ConfirmForm) -> HttpResponse:
        text = f"{plan.verb.label}: {len(plan.will)} accounts"
        if claim(request.user, form.cleaned_data["form"], text):  # type: ignore[arg-type]
            report = carry_out(plan, user=request.user, why=form.cleaned_data["why"])
            messages.add_message(request, _level(report), str(report))
        else:
            messages.info(request, "That was sent twice: it was done once, see the history.")
        return redirect(self._back(request, [*plan.will, *(row for row, _ in plan.skipped)]))

    def _fresh_form(self, request: HttpRequest, plan: Plan) -> ConfirmForm:
        accounts = [*plan.will, *(account for account, _ in plan.skipped)]
        return ConfirmForm(
            plan=plan,
            initial={
                "ids": ",".join(str(account.pk) for account in accounts),
                "form": uuid.uuid4(),
                "back": self._back(request, accounts),
                "confirmed": "yes",
            },
        )

    def _confirm_page(self, request: HttpRequest, plan: Plan, form: ConfirmForm) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": plan.verb.label,
            "opts": self.opts,
            "plan": plan,
            "form": form,
            "back": form["back"].value(),
            "act_url": reverse("admin:accounts_account_act", args=[plan.verb.name]),
            "extra": self.kept_fields(request),
        }
        return TemplateResponse(request, "dashboard/confirm.html", context)

    def kept_fields(self, request: HttpRequest) -> dict[str, str]:
        """What a verb needs beside the accounts, carried from page to page."""
        return {}

    def _back(self, request: HttpRequest, accounts: Sequence[Account]) -> str:
        asked = request.POST.get("back", "")
        if asked and url_has_allowed_host_and_scheme(asked, allowed_hosts=None):
            return asked
        if len(accounts) == 1:
            return reverse("admin:accounts_account_change", args=[accounts[0].pk])
        return reverse("admin:accounts_account_changelist")


def _level(report: Report) -> int:
    if not report.refused:
        return messages.SUCCESS
    return messages.WARNING if report.done else messages.ERROR
