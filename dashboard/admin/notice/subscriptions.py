"""Recipients of notices. A target may hold a token: it is written, never read again."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminPasswordWidget

from dashboard.admin.account.verbs import Verb
from dashboard.admin.base import KeptAdmin
from dashboard.admin.confirm.pages import ConfirmingAdmin
from dashboard.admin.filters import choices_filter
from dashboard.wording.html import label, visible
from notices.models import Subscription
from notices.sending.outbox import request_test
from notices.subscriptions import clean, keep

Kind = Subscription.Kind
# The others are made by themselves: of a user, of a channel.
ADDED = [(kind.value, kind.label) for kind in (Kind.EMAIL, Kind.APPRISE, Kind.WEBHOOK)]


class SubscriptionForm(forms.ModelForm):  # type: ignore[type-arg]
    target = forms.CharField(
        required=False,
        max_length=2000,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}),
        help_text=(
            "An e-mail address, one Apprise URL, or the webhook's https:// address. It is never "
            "shown again. Leave it empty to keep the one that is set."
        ),
    )

    class Meta:
        model = Subscription
        fields = (
            *("kind", "workspace", "gateway", "least_severity", "is_active"),
            *("language", "time_zone", "quiet_from", "quiet_until", "most_per_hour"),
        )
        labels = {"is_active": "On"}
        help_texts = {
            "workspace": "None: operators, who are told of all workspaces.",
            "time_zone": "For example Asia/Jakarta. Empty: NOTICE_TIME_ZONE.",
            "quiet_from": "Notices that are not critical wait until the quiet hours end.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "kind" in self.fields:
            self.fields["kind"].choices = ADDED  # type: ignore[attr-defined]

    def clean_time_zone(self) -> str:
        name: str = self.cleaned_data["time_zone"]
        if name and name not in available_timezones():
            raise ValidationError("There is no such time zone. Write it like Asia/Jakarta.")
        return name

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        kind = cleaned.get("kind") or self.instance.kind
        if not cleaned.get("target"):
            if not self.instance.pk:
                self.add_error("target", "A new recipient needs a target.")
        elif kind in (Kind.IN_APP, Kind.CHANNEL):
            self.add_error("target", "This one has no target of its own.")
        elif kind:
            try:
                cleaned["target"] = clean(kind, cleaned["target"])
            except ValidationError as error:
                self.add_error("target", error)
            else:
                # The row is saved with it; a constraint of the database asks for one of them.
                self.instance.target = cleaned["target"]
        return cleaned


def _test(subscription: Subscription, actor: str, why: str) -> str:
    request_test(subscription)
    return f"{visible(subscription)}: see Deliveries of notices for the result"


TEST = Verb(
    name="test",
    label="Send test notice",
    done="Test notices requested:",
    costs="A message that says it is a test is sent to the recipient.",
    act=_test,
    refusal=lambda subscription, now: "" if subscription.is_active else "it is off",
    icon="send",
    most=10,
)


@admin.register(Subscription)
class SubscriptionAdmin(ConfirmingAdmin, KeptAdmin):
    form = SubscriptionForm
    list_display = ("recipient", "kind", "workspace", "works", "language", "time_zone")
    list_display_links = ("recipient",)
    list_select_related = ("user", "channel", "workspace", "gateway")
    list_filter = (choices_filter("kind", "kind"), "is_active")
    fields = (
        *("kind", "target", "workspace", "gateway", "least_severity", "is_active"),
        *("language", "time_zone", "quiet_from", "quiet_until", "most_per_hour", "works"),
        "secret",
    )

    def verbs(self, request: HttpRequest) -> dict[str, Verb]:
        return {TEST.name: TEST}

    def rows_for_acts(self) -> QuerySet[Subscription]:
        return Subscription.objects.select_related("user", "channel", "workspace")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        fixed = ("kind", "workspace") if obj else ()
        return (*fixed, "works", "secret")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        changed = [name for name in form.changed_data if name != "target"]
        keep(obj, changed=changed, target=form.cleaned_data.get("target", ""))

    @admin.display(description="recipient")
    def recipient(self, subscription: Subscription) -> str:
        return visible(subscription)

    @admin.display(description="secret of its signature")
    def secret(self, subscription: Subscription) -> str:
        """Show it to those who may change it: the receiver needs it."""
        if subscription.kind != Kind.WEBHOOK or not subscription.sealed_key:
            return "none: only webhooks are signed"
        return subscription.signing_key

    @admin.display(description="state")
    def works(self, subscription: Subscription) -> SafeString:
        if not subscription.is_active:
            said = "unsubscribed" if subscription.unsubscribed_at else "off"
            return label(said, tone="off", icon="notifications_off")
        if subscription.failing_since is not None:
            since = f"failing since {subscription.failing_since:%Y-%m-%d %H:%M} UTC"
            return format_html(
                '{}<span class="rc-sub">{}</span>',
                label(since, tone="bad", icon="error"),
                visible(subscription.last_error),
            )
        if subscription.last_sent_at is None and subscription.kind != Kind.IN_APP:
            return label('never used: "Send test notice"', tone="warn", icon="help")
        return label("on", tone="good", icon="check_circle")
