"""Strangers' words as people may see them: nothing invisible, nothing that turns text around."""

from __future__ import annotations

from gateways.wire.untrusted import printable

LONGEST = 500


def visible(value: object) -> str:
    """`value` as text in which control and bidirectional characters show as escapes.

    Not HTML-safe by itself: templates and `format_html` escape it."""
    return "" if value is None else printable(str(value), limit=LONGEST)
