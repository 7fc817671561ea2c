"""From a button to the confirmed act: POST shows the plan, a second POST does it. GET does
nothing."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

from accounts.store.row_ids import row_id
from dashboard.admin.account.verbs import Verb
from dashboard.admin.base import ReadOnlyAdmin
from dashboard.admin.confirm.perform import VerbPlan, VerbReport, carry_out, claim
from dashboard.roll_call_watch import request_now

if TYPE_CHECKING:
    from dashboard.admin.base import KeptAdmin
else:
    KeptAdmin = object

# From this many on, the number must be typed: a slip of the mouse must not stop a fleet.
TYPED_ABOVE = 50
MOST_IDS = 500


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
        help_text="It is kept in the history.",
    )
    typed = forms.IntegerField(required=False, widget=UnfoldAdminIntegerFieldWidget)

    def __init__(self, *args: Any, plan: VerbPlan, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.number = len(plan.will)
        self.fields["why"].required = plan.verb.asks_why
        if not plan.verb.asks_why:
            self.fields["why"].help_text = "Optional. It is kept in the history."
        self.fields["typed"].label = f"Type {self.number} to confirm so many"
        if self.number <= TYPED_ABOVE:
            del self.fields["typed"]

    def clean_typed(self) -> int | None:
        typed: int | None = self.cleaned_data["typed"]
        if typed != self.number:
            raise forms.ValidationError(f"Type {self.number}: that many will be touched.")
        return typed


class ConfirmingAdmin(KeptAdmin):
    """The page before an act, and the act. `verbs(request)` are made anew for each request."""

    def verbs(self, request: HttpRequest) -> Mapping[str, Verb]:
        raise NotImplementedError

    def rows_for_acts(self) -> QuerySet[Any]:
        raise NotImplementedError

    def kept_fields(self, request: HttpRequest) -> dict[str, str]:
        """Return what an action needs beside the rows, carried from page to page."""
        return {}

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.act_view)
        name = f"{self.opts.app_label}_{self.opts.model_name}_act"
        return [path("act/<slug:name>/", view, name=name), *super().get_urls()]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        if not self.has_change_permission(request):
            return {}
        return {
            verb.name: (_as_action(verb.name), verb.name, verb.label)
            for verb in self.verbs(request).values()
        }

    def act_view(self, request: HttpRequest, name: str) -> HttpResponse:
        if not self.has_change_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            messages.info(request, "Nothing was done. Choose what to do once more.")
            return redirect(self._url("changelist"))
        verb = self.verbs(request).get(name)
        if verb is None:
            raise Http404
        parts = request.POST.get("ids", "").split(",")
        ids = [pk for part in parts[:MOST_IDS] if (pk := row_id(part)) is not None]
        return self.confirm(request, verb, list(self.rows_for_acts().filter(pk__in=ids)))

    def confirm(self, request: HttpRequest, verb: Verb, rows: Sequence[Any]) -> HttpResponse:
        plan = VerbPlan.of(verb, rows, request_now(request))
        back = self._back(request, plan)
        if not rows or len(plan.will) > verb.most:
            messages.error(request, f"{verb.label}: choose 1 to {verb.most}.")
            return redirect(back)
        if "confirmed" not in request.POST:
            return self._page(request, plan, self._fresh_form(plan, back))
        form = ConfirmForm(request.POST, plan=plan)
        if not form.is_valid():
            return self._page(request, plan, form)
        self._act(request, plan, form)
        return redirect(back)

    def _act(self, request: HttpRequest, plan: VerbPlan, form: ConfirmForm) -> None:
        text = f"{plan.verb.label}: {len(plan.will)}"
        if claim(request.user, form.cleaned_data["form"], text):
            report = carry_out(plan, user=request.user, why=form.cleaned_data["why"])
            messages.add_message(request, _level(report), str(report))
        else:
            messages.info(request, "That was sent twice, and done once: see the history.")

    def _fresh_form(self, plan: VerbPlan, back: str) -> ConfirmForm:
        ids = ",".join(str(row.pk) for row in plan.rows)
        initial = {"ids": ids, "form": uuid.uuid4(), "back": back, "confirmed": "yes"}
        return ConfirmForm(plan=plan, initial=initial)

    def _page(self, request: HttpRequest, plan: VerbPlan, form: ConfirmForm) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": plan.verb.label,
            "opts": self.opts,
            "plan": plan,
            "foreseen": plan.foreseen(),
            "form": form,
            "back": form["back"].value(),
            "act_url": self._url("act", plan.verb.name),
            "extra": self.kept_fields(request),
        }
        return TemplateResponse(request, "dashboard/confirm.html", context)

    def _back(self, request: HttpRequest, plan: VerbPlan) -> str:
        asked = request.POST.get("back", "")
        if asked and url_has_allowed_host_and_scheme(asked, allowed_hosts=None):
            return asked
        if len(plan.rows) == 1:
            return self._url("change", plan.rows[0].pk)
        return self._url("changelist")

    def _url(self, name: str, *args: object) -> str:
        model = f"{self.opts.app_label}_{self.opts.model_name}"
        return reverse(f"admin:{model}_{name}", args=args)


def _as_action(name: str) -> Callable[..., HttpResponse | None]:
    def action(
        model_admin: ConfirmingAdmin, request: HttpRequest, queryset: QuerySet[Any]
    ) -> HttpResponse:
        verb = model_admin.verbs(request)[name]
        ids = list(queryset.order_by().values_list("pk", flat=True)[: verb.most + 1])
        return model_admin.confirm(
            request, verb, list(model_admin.rows_for_acts().filter(pk__in=ids))
        )

    return action


def _level(report: VerbReport) -> int:
    if not report.refused:
        return messages.SUCCESS
    return messages.WARNING if report.done else messages.ERROR


class ActedOnAdmin(ConfirmingAdmin, ReadOnlyAdmin):
    change_form_outer_before_template = "dashboard/row_verbs.html"

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Allow the actions: the row itself is never edited."""
        permission = f"{self.opts.app_label}.change_{self.opts.model_name}"
        return obj is None and request.user.has_perm(permission)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the actions that can be done now, to users who may do them."""
        shown = dict(extra_context or {})
        row = self.get_object(request, object_id)
        if row is not None and self.has_change_permission(request):
            now = request_now(request)
            can = [verb for verb in self.verbs(request).values() if not verb.refusal(row, now)]
            act = f"admin:{self.opts.app_label}_{self.opts.model_name}_act"
            shown |= {"row": row, "row_verbs": can, "act": act}
        return super().change_view(request, object_id, form_url, shown)
