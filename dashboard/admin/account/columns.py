"""The columns of the accounts list: status, for how long, evidence, reason, next step."""

from __future__ import annotations

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from accounts.explain.explanation import sentence, what_to_do
from accounts.words.status import Status
from dashboard.account.groups import Group, ShownAccount
from dashboard.wording.account_row import beside_status, last_evidence, reason
from dashboard.wording.html import badge, moment, visible


class AccountColumns:
    """Methods for `list_display`; the queryset brings `shown`, `group` and `seen_now`."""

    @admin.display(description="number and session", ordering="phone_number")
    def number(self, account: ShownAccount) -> SafeString:
        return format_html(
            '<a class="rc-row-link" href="{}"><span class="rc-number">{}</span>'
            '<span class="rc-sub rc-mono">{}</span></a>',
            reverse("admin:accounts_account_change", args=[account.pk]),
            account.phone_number or "no number yet",
            visible(account.session_id) or "no session",
        )

    @admin.display(description="status", ordering="urgency")
    def status_sentence(self, account: ShownAccount) -> SafeString:
        now = account.seen_now
        shown = Status(account.shown)
        return format_html(
            '<span title="{}">{}<span class="rc-sub">{}</span></span>',
            visible(sentence(account, now)),
            badge(account, shown, now),
            visible(beside_status(account, shown, now)),
        )

    @admin.display(description="for", ordering="status_since")
    def since(self, account: ShownAccount) -> SafeString:
        expired = account.shown == Status.UNKNOWN and account.status != Status.UNKNOWN
        at = account.fresh_at if expired else None
        return moment(at or account.status_since, account.seen_now, after="")

    @admin.display(description="last evidence")
    def evidence(self, account: ShownAccount) -> SafeString:
        sign = last_evidence(account)
        if sign is None:
            return format_html('<span class="rc-sub">{}</span>', "none yet")
        return format_html(
            '{}<span class="rc-sub">{}</span>',
            moment(sign.at, account.seen_now),
            visible(sign.what),
        )

    @admin.display(description="reason and next step", ordering="status_reason")
    def why(self, account: ShownAccount) -> SafeString:
        text = capfirst(visible(reason(account, Status(account.shown))))
        human = account.group == Group.HUMAN
        return format_html(
            '<span class="rc-why">{}</span><span class="rc-sub{}">{}</span>',
            text,
            " rc-todo" if human else "",
            _to_do(account) if human else "",
        )

    @admin.display(description="workspace and gateway", ordering="workspace__name")
    def where(self, account: ShownAccount) -> SafeString:
        return format_html(
            '<span class="rc-why">{}</span><span class="rc-sub">{}</span>',
            visible(account.workspace.name),
            visible(account.gateway.name),
        )


def _to_do(account: ShownAccount) -> str:
    now, at_work, has_twin = account.seen_now, account.at_work, account.has_twin
    return what_to_do(account, now, at_work=at_work, has_twin=has_twin).text
