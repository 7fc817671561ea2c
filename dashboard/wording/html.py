"""Small pieces of HTML that many pages share, and strangers' words as people may see them."""

from __future__ import annotations

from datetime import datetime

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.explain.explanation import age
from accounts.models import Account
from accounts.words.status import Status
from dashboard.wording.account_row import ICONS, tone
from gateways.wire.untrusted import printable

LONGEST = 500


def visible(value: object) -> str:
    """`value` as text in which control and bidirectional characters show as escapes.

    Not HTML-safe by itself: templates and `format_html` escape it."""
    return "" if value is None else printable(str(value), limit=LONGEST)


def badge(account: Account, shown: Status, now: datetime) -> SafeString:
    """Return the status as a word in its colour. Its `data-account` and `data-status` are for
    programs: the page's own script, and whoever watches the page."""
    return format_html(
        '<span class="rc-badge rc-badge--{}" data-account="{}" data-status="{}">{}{}</span>',
        tone(account, shown, now),
        account.uuid,
        shown.value,
        _picture(ICONS[shown]),
        shown.label,
    )


def label(text: str, *, tone: str, icon: str = "") -> SafeString:
    """A word in a colour that has a meaning, with an icon for those who see no colours."""
    return format_html(
        '<span class="rc-badge rc-badge--{}">{}{}</span>', tone, _picture(icon), text
    )


def _picture(icon: str) -> SafeString | str:
    return (
        format_html('<span class="material-symbols-outlined" aria-hidden="true">{}</span>', icon)
        if icon
        else ""
    )


def link_to(account: Account, text: object = None) -> SafeString:
    url = reverse("admin:accounts_account_change", args=[account.pk])
    return format_html('<a class="rc-link" href="{}">{}</a>', url, visible(text or account))


def account_and_session(account: Account | None, session_id: str) -> SafeString:
    """Link the account, above the session that was named."""
    return format_html(
        '<span class="rc-session">{}<span class="rc-sub rc-mono">{}</span></span>',
        link_to(account) if account and str(account) != session_id else "",
        link_to(account, session_id) if account and str(account) == session_id else session_id,
    )


def moment(at: datetime, now: datetime, *, after: str = " ago") -> SafeString:
    """An age, with the exact time behind it. It grows in the browser; `data-after` is what follows
    it."""
    return format_html(
        '<time datetime="{}" data-after="{}" title="{}">{}{}</time>',
        at.isoformat(),
        after,
        f"{at:%Y-%m-%d %H:%M:%S} UTC",
        age(at, now),
        after,
    )
