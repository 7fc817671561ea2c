"""What the page of one account shows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime

from accounts.explain import explain
from accounts.models import Account
from accounts.qr import read_qr
from accounts.status import Status
from dashboard.admin.verbs import VERBS
from dashboard.pieces import badge
from dashboard.timeline import family, timeline

PICTURE = "data:image/png;base64,"


def page_of(
    account: Account, now: datetime, *, may_act: bool, before: Mapping[str, str]
) -> dict[str, Any]:
    """Needs account.gateway and account.workspace. A QR code is read only for who may act."""
    explanation = explain(account, now)
    ids = family(account)
    entries, older = timeline(ids, before=_moment(before.get("before")))
    return {
        "account": account,
        "now": now,
        "explanation": explanation,
        "badge": badge(account, explanation.status, now),
        "facts": _facts(account),
        "merged": ids[1:],
        "superseded": list(account.superseded_sessions.select_related("gateway")[:50]),
        "entries": entries,
        "older": older.isoformat() if older else "",
        "paged": "before" in before,
        "verbs": _verbs(account, now) if may_act else [],
        "waits_for_scan": explanation.status is Status.QR_SCANNING,
        "may_act": may_act,
        "qr": _qr(account, explanation.status) if may_act else None,
    }


def _moment(text: str | None) -> datetime | None:
    try:
        moment = parse_datetime(text or "")
    except ValueError:
        return None
    return moment if moment and moment.tzinfo else None


def _facts(account: Account) -> list[tuple[str, object]]:
    return [
        ("Number", account.phone_number or "not known until the first scan"),
        ("Session", account.session_id or "none"),
        ("Workspace", account.workspace.name),
        ("Gateway", f"{account.gateway.name} ({account.gateway.mode})"),
        ("Wanted", account.get_wanted_display()),
        ("Account", f"{account.pk} · {account.uuid}"),
    ]


def _verbs(account: Account, now: datetime) -> list[dict[str, object]]:
    return [{"verb": verb, "refusal": verb.refusal(account, now)} for verb in VERBS.values()]


def _qr(account: Account, shown: Status) -> str | None:
    """The picture to scan; None while there is none."""
    if shown not in (Status.QR_SCANNING, Status.PENDING, Status.CONNECTING, Status.LOGGED_OUT):
        return None
    picture = read_qr(account.pk)
    return picture if picture and picture.startswith(PICTURE) else None
