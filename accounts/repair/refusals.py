"""Refuse actions on merged accounts and on accounts without a session."""

from __future__ import annotations

from accounts.models import Account
from accounts.words.refusals import Refused


def refuse_merged(account: Account) -> None:
    if account.merged_into_id is not None:
        raise Refused(f"it was merged into account {account.merged_into_id}: act there")


def session_of(account: Account) -> str:
    """Return the session id. Raises Refused."""
    refuse_merged(account)
    if account.session_id is None:
        raise Refused("it has no session")
    return account.session_id
