"""The right webhook path of each kind, and the texts of the incident for webhooks on other
paths."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.conf import settings

from accounts.explain.explanation import age
from gateways.base import webhook_path
from gateways.registry import KINDS
from webhooks.route_monitor.wrong_path import WrongPath

_SHOWN = 3


def right_url(kind: str) -> str:
    return f"{settings.PUBLIC_URL}{webhook_path(kind)}"


def said_of(name: str, used: Sequence[WrongPath], *, events: int, now: datetime) -> str:
    """Return the text that names the fault and its cost."""
    shown = [one.path for one in used[-_SHOWN:]]
    more = f" and {len(used) - _SHOWN} more paths" if len(used) > _SHOWN else ""
    number = f"{events} events in {age(min(one.since for one in used), now)}"
    number = "1 event" if events == 1 else number
    unheard = [one.path for one in used if not one.is_heard]
    lost = "not lost" if events == 1 else "none of them is lost"
    if len(unheard) == len(used):
        lost = "they are not believed there, and lost"
    elif unheard:
        lost = f"those to {' and '.join(unheard[-_SHOWN:])} are not believed, and lost"
    where = " and ".join(shown) + more
    return f"{name} sends to {where}: {number}, {lost}."


def cure(kind: str, used: Sequence[WrongPath]) -> str:
    """Return the next step for the kind. Accepting a path without trust would not help."""
    setting = KINDS[kind].url_setting.format(path=webhook_path(kind), url=right_url(kind))
    cures = [f"Set {setting}."]
    if hint := KINDS[kind].wrong_path_hint:
        cures.append(hint)
    if any(one.is_heard for one in used):
        cures.append("Or accept this path for this gateway, on this incident's page.")
    if any(one.key_went_along for one in used):
        cures.append("Its key went along: rotate it.")
    return " ".join(cures)
