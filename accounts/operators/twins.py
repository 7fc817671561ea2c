"""Two accounts with one number: an operator decides which one stays."""

from __future__ import annotations

from django.db.models import QuerySet

from accounts.models import Account
from accounts.operators.lifecycle import want
from accounts.words.phone_numbers import spellings
from accounts.words.refusals import Refused
from accounts.words.status import Wanted


def twins_of(account: Account) -> QuerySet[Account]:
    """Select the other accounts that should run with the same number, in any spelling and any
    workspace."""
    running = Account.objects.visible().filter(wanted=Wanted.RUNNING, session_id__isnull=False)
    others = running.exclude(pk=account.pk)
    number = account.phone_number
    return others.filter(phone_number__in=spellings(number)) if number else others.none()


def keep_this_one(account: Account, *, actor: str) -> list[Account]:
    """Mark the other accounts as wanted stopped, and return them. Raises Refused."""
    if account.wanted != Wanted.RUNNING:
        raise Refused("it is kept stopped: set it to keep running first")
    others = list(twins_of(account).order_by("pk"))
    if not others:
        raise Refused("no other account that should run has its number")
    for other in others:
        want(other, Wanted.STOPPED, actor=actor)
    return others
