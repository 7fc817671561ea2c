"""Template words of the dashboard."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import template
from django.utils.safestring import SafeString
from unfold.templatetags.unfold_list import result_headers
from unfold.widgets import CHECKBOX_CLASSES

from accounts.models import Account
from dashboard.wording.html import moment, visible

register = template.Library()


@register.filter(name="visible")
def visible_filter(value: object) -> str:
    """Strangers' text with its invisible characters made visible; escaped like any other."""
    return visible(value)


@register.filter
def shown_word(account: Account, now: datetime) -> str:
    """Return the status as it is shown: an expired one is unknown."""
    return str(account.shown_status(now).label)


@register.filter
def grouped(number: int) -> str:
    """Format with a comma between thousands."""
    return f"{number:,}"


@register.simple_tag
def ago(at: datetime | None, now: datetime) -> SafeString | str:
    """Return an age with the exact time behind it."""
    return moment(at, now) if at else "never"


@register.simple_tag
def lasting(since: datetime, now: datetime) -> SafeString:
    """Return how long something has lasted ("2 min"), with the exact time behind it."""
    return moment(since, now, after="")


@register.inclusion_tag("dashboard/account_rows.html")
def account_rows(cl: Any) -> dict[str, Any]:
    """The rows of the accounts list, without what makes unfold's own ones slow: it works out the
    headers anew for each row."""
    columns = [name for name in cl.list_display if name != "action_checkbox"]
    return {
        "cl": cl,
        "result_headers": list(result_headers(cl)),
        "rows": [
            {
                "pk": row.pk,
                "cells": [(name, getattr(cl.model_admin, name)(row)) for name in columns],
            }
            for row in cl.result_list
        ],
        "acts": len(columns) < len(cl.list_display),
        "checkbox": " ".join(CHECKBOX_CLASSES),
    }
