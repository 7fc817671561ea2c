"""Channels: how operators are told. A target may hold a token: it is written, never read again."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminPasswordWidget

from accounts.alerts.channels import clean_target, keep_channel
from accounts.models import Channel
from accounts.store.enqueue import enqueue_task
from dashboard.admin.account.verbs import Verb
from dashboard.admin.base import KeptAdmin
from dashboard.admin.confirm.pages import ConfirmingAdmin
from dashboard.wording.html import label, moment, visible


class ChannelForm(forms.ModelForm):  # type: ignore[type-arg]
    target = forms.CharField(
        required=False,
        max_length=2000,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}),
        help_text=(
            "E-mail: addresses, separated by commas. Apprise: one URL, e.g. slack://… or "
            "tgram://…; it is never shown again. Leave it empty to keep the one that is set."
        ),
    )
    timeout_seconds = forms.IntegerField(
        min_value=1,
        max_value=60,
        initial=10,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="Timeout per attempt; retried.",
    )
    most_per_hour = forms.IntegerField(
        min_value=1,
        max_value=3600,
        initial=60,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="Messages per hour. More than that wait, and are sent together in one message.",
    )

    class Meta:
        model = Channel
        fields = ("name", "kind", "is_active", "timeout_seconds", "most_per_hour")
        labels = {"is_active": "On"}

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        kind = cleaned.get("kind") or self.instance.kind
        if not cleaned.get("target"):
            if not self.instance.pk:
                self.add_error("target", "A new channel needs a target.")
        elif kind:
            try:
                cleaned["target"] = clean_target(kind, cleaned["target"])
            except ValidationError as error:
                self.add_error("target", error)
        return cleaned


@admin.register(Channel)
class ChannelAdmin(ConfirmingAdmin, KeptAdmin):
    form = ChannelForm
    list_display = ("name", "kind", "works", "last_sent", "most_per_hour")
    list_filter = ("kind", "is_active")
    fields = (*("name", "kind", "target", "is_active", "timeout_seconds", "most_per_hour"), "works")
    ordering = ("name",)
    change_form_outer_before_template = "dashboard/channel_test.html"

    def verbs(self, request: HttpRequest) -> dict[str, Verb]:
        return {TEST.name: TEST}

    def rows_for_acts(self) -> QuerySet[Channel]:
        return Channel.objects.all()

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("kind", "works") if obj else ("works",)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        changed = [name for name in form.changed_data if name != "target"]
        keep_channel(obj, changed=changed, target=form.cleaned_data["target"])

    @admin.display(description="state")
    def works(self, channel: Any) -> SafeString | str:
        if not channel.pk:
            return "unknown until tested"
        if not channel.is_active:
            return label("off", tone="off", icon="notifications_off")
        if channel.failing_since is not None:
            since = f"failing since {channel.failing_since:%Y-%m-%d %H:%M} UTC"
            return format_html(
                '{}<span class="rc-sub">{}</span>',
                label(since, tone="bad", icon="error"),
                visible(channel.last_error),
            )
        if channel.last_sent_at is None:
            return label('never used: press "Send test alert"', tone="warn", icon="help")
        return label("works", tone="good", icon="check_circle")

    @admin.display(description="last sent", ordering="last_sent_at")
    def last_sent(self, channel: Any) -> SafeString | str:
        return moment(channel.last_sent_at, channel.seen_now) if channel.last_sent_at else "never"


def _test(channel: Channel, actor: str, why: str) -> str:
    """Send the test in a worker: a request must not wait for a mail server."""
    enqueue_task("accounts.tasks.try_channel", channel.pk)
    return f"{channel.name}: reload this page in {channel.timeout_seconds} s for the result"


TEST = Verb(
    name="test",
    label="Send test alert",
    done="Test alerts requested:",
    costs="A message that says it is a test is sent through the channel to its recipients.",
    act=_test,
    refusal=lambda channel, now: "" if channel.is_active else "it is off",
    icon="send",
    most=10,
)
