"""The roll call that an operator asks for."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from accounts.models import Account, Gateway
from accounts.words.refusals import Refused
from dashboard.admin.account.verbs import MOST_AT_GATEWAYS, Verb
from reconciliation.rollcall.roll_call import call_roll_now
from reconciliation.rollcall.values import Report

WAIT_SECONDS = 10


def roll_call_verb() -> Verb:
    """Return the action, for accounts or gateways; a new one per request reads a gateway once."""
    called: set[int] = set()

    def act(row: Account | Gateway, actor: str, why: str) -> str:
        gateway = row.gateway if isinstance(row, Account) else row
        if gateway.pk in called:
            return ""
        called.add(gateway.pk)
        return _told(call_roll_now(gateway.pk, wait_seconds=WAIT_SECONDS))

    return Verb(
        name="roll-call",
        label="Call the roll now",
        done="Called the roll for",
        costs=(
            "Each gateway is asked for its sessions, and every difference is fixed in Rollcall's "
            "rows, as in any roll call. Nothing is done to the sessions."
        ),
        act=act,
        refusal=_never,
        icon="fact_check",
        most=MOST_AT_GATEWAYS,
    )


def _never(row: Any, now: datetime) -> str:
    return ""


def _told(report: Report) -> str:
    """Raises Refused when the gateway was not read."""
    if report.skipped or not report.is_readable:
        raise Refused(report.why or "another roll call of it is under way")
    listed = f"{report.gateway}: {report.sessions_listed} sessions listed"
    if report.why:
        return f"{listed}, not all of them: {report.why}"
    if not report.findings:
        return f"{listed}, in sync"
    kinds = Counter(finding.kind.value for finding in report.findings)
    found = ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items()))
    held = sum(finding.held for finding in report.findings)
    return f"{listed}, differences: {found}" + (f" ({held} held)" if held else "")
