"""Explain why an account has its status: the words of the admin, in a terminal and for scripts."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q, QuerySet

from accounts.explain.explanation import Explanation, explain
from accounts.models import Account
from accounts.store import clock
from accounts.store.row_ids import row_id
from accounts.words.phone_numbers import spellings
from gateways.phone_numbers import normal_phone_number
from gateways.wire.untrusted import printable

# Room for a sentence with several session ids of maximum length.
LONGEST_LINE = 4000


class Command(BaseCommand):
    help = "Say of each account that fits: its state, since when, why, and what happens next."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("which", help="a phone number, a session id, or an account's id")
        parser.add_argument("--json", action="store_true", help="for scripts")

    def handle(self, *args: Any, **options: Any) -> None:
        found = list(accounts_of(options["which"])[:20])
        if not found:
            which = printable(options["which"], limit=100)
            raise CommandError(f"no account has the number, session or id {which!r}")
        now = clock.database_now()
        explained = [(account, explain(account, now)) for account in found]
        if options["json"]:
            records = [_record(account, one) for account, one in explained]
            self.stdout.write(json.dumps({"accounts": records}))
            return
        for account, one in explained:
            for line in _lines(account, one):
                self.stdout.write(line)


def accounts_of(which: str) -> QuerySet[Account]:
    """Find accounts by number in any spelling, by a session that they run or ran on, or by id."""
    fits = Q(session_id=which) | Q(superseded_sessions__session_id=which)
    if (number := normal_phone_number(which)) is not None:
        fits |= Q(phone_number__in=spellings(number))
    if (pk := row_id(which)) is not None:
        fits |= Q(pk=pk)
    if not which.isprintable():
        return Account.objects.none()
    accounts = Account.objects.filter(fits).select_related("gateway", "workspace")
    return accounts.distinct().order_by("pk")


def _record(account: Account, one: Explanation) -> dict[str, object]:
    return {
        "id": account.pk,
        "phone_number": account.phone_number,
        "session_id": account.session_id,
        "status": one.status,
        "sentence": one.sentence,
        "reason": one.reason,
        "restriction": one.restriction,
        "restricted_until": account.restricted_until and account.restricted_until.isoformat(),
        "since": one.since.isoformat(),
        "evidence": one.evidence,
        "decided_by": one.decided_by,
        "rule": one.rule,
        "ruled_out": one.ruled_out,
        "next_step": one.next_step,
        "next_step_code": one.next_step_code,
        "next_step_at": one.next_step_at and one.next_step_at.isoformat(),
        "human": one.human,
        "needs_a_human": one.needs_a_human,
    }


def _lines(account: Account, one: Explanation) -> list[str]:
    """Return the words of the account's page in the admin, each with its label."""
    where = f"workspace {account.workspace.name}, gateway {account.gateway.name}"
    title = f"{account.phone_number or 'no number'} (account {account.pk}, {where})"
    told = [("Session", account.session_id or "none"), *one.lines]
    width = max(len(label) for label, _ in told)
    said = [f"  {label.ljust(width)}  {text}" for label, text in told]
    return [printable(line, limit=LONGEST_LINE) for line in (title, f"  {one.sentence}", *said)]
