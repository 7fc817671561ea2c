"""Unclaimed sessions that may belong to a lost account. A start would make a second one beside it,
and both would wait for the phone."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from accounts.models import Account
from accounts.words.phone_numbers import is_other_number
from reconciliation.models import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """Account without its session. `at`: since when it is not shown."""

    account_id: int
    gateway_id: int
    workspace_id: int
    phone_number: str
    at: datetime


class Strangers:
    """Open findings of unclaimed sessions; one statement."""

    def __init__(self) -> None:
        self._proposed: dict[int, str] = {}
        self._of_gateway: dict[int, list[Finding]] = defaultdict(list)
        unclaimed = Finding.objects.filter(kind=Finding.Kind.UNCLAIMED, ended_at__isnull=True)
        for finding in unclaimed.select_related("account").order_by("-id"):
            if finding.account is None:
                self._of_gateway[finding.gateway_id].append(finding)
            elif finding.gateway_id == finding.account.gateway_id and not _was_beside(
                finding, finding.account
            ):
                self._proposed[finding.account.pk] = finding.session_id

    def proposed(self, account_id: int) -> str:
        """Return the session that is most likely this account's; "" if there is none."""
        return self._proposed.get(account_id, "")

    def undecided(self, lost: Lost) -> Finding | None:
        """Return a session that appeared after the loss and may be this account's or another's."""
        here = self._of_gateway.get(lost.gateway_id, ())
        return next((finding for finding in here if _may_be(finding, lost)), None)


def _may_be(finding: Finding, lost: Lost) -> bool:
    return (
        finding.first_seen_at >= lost.at
        and finding.workspace_id in (None, lost.workspace_id)
        and not is_other_number(finding.phone_number, lost.phone_number)
    )


def _was_beside(finding: Finding, account: Account) -> bool:
    """Return True if it already existed while the account's own session was seen alive."""
    alive_at = (account.proven_at, account.read_at)
    return any(at is not None and at > finding.first_seen_at for at in alive_at)
