"""A verb that cannot be done, and what no verb is done to."""

from __future__ import annotations

from accounts.models import Account


class Refused(Exception):
    """A verb that cannot be done: why, and what to do."""


def refuse_merged(account: Account) -> None:
    if account.merged_into_id is not None:
        raise Refused(f"it was merged into account {account.merged_into_id}: act there")


def session_of(account: Account) -> str:
    """Raises Refused."""
    refuse_merged(account)
    if account.session_id is None:
        raise Refused("it has no session")
    return account.session_id
