"""Template words of the dashboard."""

from __future__ import annotations

from datetime import datetime

from django import template
from django.utils.safestring import SafeString

from dashboard.pieces import moment
from dashboard.shown import visible

register = template.Library()


@register.filter(name="visible")
def visible_filter(value: object) -> str:
    """Strangers' text with its invisible characters made visible; escaped like any other."""
    return visible(value)


@register.simple_tag
def ago(at: datetime | None, now: datetime) -> SafeString | str:
    """An age with the exact time behind it."""
    return moment(at, now) if at else "never"
