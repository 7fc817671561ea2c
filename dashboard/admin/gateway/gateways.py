"""Gateways: can we read them, how do we speak to them, which secrets are valid."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.models import Gateway, GatewaySecret
from accounts.state import maintenance
from dashboard.account.groups import counts, with_group
from dashboard.admin.account.verbs import Verb
from dashboard.admin.base import HarmlessChangeList, KeptAdmin, TabularInline
from dashboard.admin.confirm.pages import ConfirmingAdmin
from dashboard.admin.filters import choices_filter
from dashboard.admin.gateway.confirm_loss import LOSS_VERBS
from dashboard.admin.gateway.form import GatewayForm, SecretForm, SecretFormSet
from dashboard.admin.gateway.maintenance import MAINTENANCE_VERBS, RESUME_REPAIR, windows_of
from dashboard.admin.gateway.roll_call import roll_call_verb
from dashboard.overview import connected_by_gateway
from dashboard.roll_call_watch import request_now
from dashboard.wording.forwarding import handing_on_of, signing_of
from dashboard.wording.gateway import open_at, reach_of
from dashboard.wording.html import label, moment

GATEWAY_VERBS = (*LOSS_VERBS, RESUME_REPAIR, *MAINTENANCE_VERBS)


class Secrets(TabularInline):
    """Write only: a saved secret is never shown again, only ended, or followed by another."""

    model = GatewaySecret
    form = SecretForm
    formset = SecretFormSet
    extra = 0
    fields = ("purpose", "value", "not_after", "made")
    readonly_fields = ("made",)
    can_delete = False

    @admin.display(description="created at")
    def made(self, secret: GatewaySecret) -> str:
        """Show the creation time; only the database knows it before the row is saved."""
        return f"{secret.created_at:%Y-%m-%d %H:%M:%S} UTC" if secret.pk else "–"


@admin.register(Gateway)
class GatewayAdmin(ConfirmingAdmin, KeptAdmin):
    form = GatewayForm
    list_display = ("name", "reachability", "connected", "may", "kind", "base_url")
    list_filter = (choices_filter("mode", "what may be done to it"),)
    search_fields = ("name", "base_url")
    fieldsets = (
        (None, {"fields": ("name", "kind", "base_url", "mode")}),
        (
            "Its webhooks",
            {
                "fields": (
                    *("require_signature", "accepts_unsigned"),
                    *("forward_url", "accepted_paths"),
                )
            },
        ),
        ("Proof of life", {"fields": ("send_probe",)}),
    )
    inlines = (Secrets,)
    change_form_outer_before_template = "dashboard/gateway_state.html"
    ordering = ("name",)

    def verbs(self, request: HttpRequest) -> dict[str, Verb]:
        return {verb.name: verb for verb in (roll_call_verb(), *GATEWAY_VERBS)}

    def rows_for_acts(self) -> QuerySet[Gateway]:
        return Gateway.objects.all()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[HarmlessChangeList]:
        return GatewayChangeList

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Keep the kind: it decides how everything the gateway ever sent was read. Keep the
        addresses too where the secrets sent there may not be changed by this user."""
        if obj is None:
            return ()
        if not request.user.has_perm("accounts.change_gatewaysecret"):
            return ("kind", "base_url", "forward_url")
        return ("kind",)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask for the secrets again, except of a new gateway, which has none."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or not self.has_change_permission(request, obj):
            return fieldsets
        (none, first), *others = fieldsets
        if "base_url" in self.get_readonly_fields(request, obj):
            return fieldsets
        return [(none, {**first, "fields": (*first["fields"], "secrets_again")}), *others]

    @admin.display(description="reachability")
    def reachability(self, gateway: Any) -> SafeString:
        reach = reach_of(gateway, gateway.seen_now, gateway.maintained_until)
        return format_html(
            '{}<span class="rc-sub">{}</span>',
            label(reach.word, tone=reach.tone, icon=reach.icon),
            reach.sentence,
        )

    @admin.display(description="accounts connected")
    def connected(self, gateway: Any) -> str:
        return f"{gateway.connected_number} of {gateway.accounts_number}"

    @admin.display(description="mode", ordering="mode")
    def may(self, gateway: Gateway) -> str:
        return gateway.mode

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        gateway = self.get_object(request, object_id)
        state = gateway and state_of(gateway, request)
        if gateway and state:
            state["may_act"] = self.has_change_permission(request, gateway)
            if request.user.has_perm("accounts.view_incident"):
                state |= open_at(gateway)
        return super().change_view(
            request, object_id, form_url, {"state": state, **(extra_context or {})}
        )


class GatewayChangeList(HarmlessChangeList):
    """Each gateway with its accounts counted by what is shown, in one query for the page."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        accounts = with_group(request_now(request))
        found = connected_by_gateway(accounts, list(self.result_list))
        maintained = maintenance.maintained_until(request_now(request))
        for gateway in self.result_list:
            gateway.maintained_until = maintained.get(gateway.pk)
            gateway.accounts_number, gateway.connected_number = found.get(gateway.pk, (0, 0))


def state_of(gateway: Gateway, request: HttpRequest) -> dict[str, Any]:
    """Return what the page of a gateway shows above its form."""
    now = request_now(request)
    reach = reach_of(gateway, now, maintenance.maintained_until(now).get(gateway.pk))
    accounts = with_group(now).filter(gateway=gateway)
    return {
        "gateway": gateway,
        "gateway_verbs": [verb for verb in GATEWAY_VERBS if not verb.refusal(gateway, now)],
        "windows": windows_of(gateway, now),
        "now": now,
        "reach": reach,
        "webhook_url": f"{settings.PUBLIC_URL}{gateway.webhook_path}",
        "badge": label(reach.word, tone=reach.tone, icon=reach.icon),
        "signing": signing_of(gateway, now),
        "handing_on": handing_on_of(gateway, now),
        "booted": moment(gateway.booted_at, now) if gateway.booted_at else "not known",
        "groups": [
            {"group": group, "number": number} for group, number in counts(accounts).items()
        ],
    }
