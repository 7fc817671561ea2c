"""What the page of one account shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime

from accounts.explain.explanation import explain
from accounts.models import Account
from accounts.repair import repairs
from accounts.store.qr_codes import read_qr
from accounts.words.status import Status, Wanted
from dashboard.account.timeline import family, timeline
from dashboard.admin.account.take_over import proposals
from dashboard.admin.account.verbs import RESTART, SHOW_CODE, Verb
from dashboard.wording.html import badge

PICTURE = "data:image/png;base64,"
AWAITING_SCAN = frozenset({Status.QR_SCANNING, Status.LOGGED_OUT, Status.PENDING})


def page_of(
    account: Account, now: datetime, *, verbs: Mapping[str, Verb], asked: Mapping[str, str]
) -> dict[str, Any]:
    """Needs account.gateway and account.workspace. `verbs` are empty for who may not act: then no
    QR code is read either."""
    explanation = explain(account, now)
    ids = family(account)
    offered = _offered(verbs, account, now)
    entries, older = timeline(ids, before=_moment(asked.get("before")))
    return {
        "account": account,
        "now": now,
        "explanation": explanation,
        "badge": badge(account, explanation.status, now),
        "start": _start(account, now),
        "facts": _facts(account),
        "merged": ids[1:],
        "superseded": list(account.superseded_sessions.select_related("gateway")[:50]),
        "proposals": list(proposals().filter(account_id__in=ids)[:5]),
        "entries": entries,
        "older": older.isoformat() if older else "",
        "paged": "before" in asked,
        "may_act": bool(verbs),
        "verbs": offered,
        "greyed": [entry for entry in offered if entry["refusal"]],
        "awaits_scan": _awaits_scan(account, explanation.status),
        "qr": _qr(account, explanation.status) if verbs else None,
        "qr_button": _qr_button(offered),
    }


def _moment(text: str | None) -> datetime | None:
    try:
        moment = parse_datetime(text or "")
    except ValueError:
        return None
    return moment if moment and moment.tzinfo else None


def _facts(account: Account) -> list[tuple[str, object, bool]]:
    """(label, value, whether it is an id, shown letter by letter)."""
    return [
        ("Number", account.phone_number or "not known until the first scan", False),
        ("Session", account.session_id or "none", True),
        ("Workspace", account.workspace.name, False),
        ("Gateway", f"{account.gateway.name} ({account.gateway.mode})", False),
        ("Wanted", account.get_wanted_display(), False),
        ("Account", f"{account.pk} · {account.uuid}", True),
    ]


def _offered(verbs: Mapping[str, Verb], account: Account, now: datetime) -> list[dict[str, object]]:
    """Return the actions, each with the reason why it cannot be done."""
    refusals = [(verb, verb.refusal(account, now)) for verb in verbs.values()]
    return [
        {"verb": verb, "refusal": refusal}
        for verb, refusal in refusals
        if not (refusal and verb.only_when_possible)
    ]


def _start(account: Account, now: datetime) -> str:
    """Return the queued or running restart and its place; "" where there is none."""
    repair = repairs.open_repair(account)
    if repair is None:
        return ""
    state = f"{repair.get_state_display()}: " if repair.state == repair.State.WAITING else ""
    return f"asked for by {repair.asker}, {state}{repairs.standing(repair, now)}"


def _awaits_scan(account: Account, shown: Status) -> bool:
    return account.wanted == Wanted.RUNNING and shown in AWAITING_SCAN


def _qr_button(offered: Sequence[Mapping[str, Any]]) -> str:
    """Return the label of the button that gets a QR code now; "" where none does."""
    works = {one["verb"].name: one["verb"].label for one in offered if not one["refusal"]}
    return works.get(SHOW_CODE.name) or works.get(RESTART.name) or ""


def _qr(account: Account, shown: Status) -> str | None:
    """Return the picture to scan; None while there is none, or nobody should scan."""
    picture = read_qr(account.pk) if _awaits_scan(account, shown) else None
    return picture if picture and picture.startswith(PICTURE) else None
