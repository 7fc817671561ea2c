"""Whose turn it is, and what to do, is the same in a list as in the account's own words."""

from __future__ import annotations

from itertools import product

import pytest

from accounts.explain import what_to_do
from accounts.models import Account
from accounts.status import LIVE, Status, Wanted
from dashboard.groups import Group, with_group
from gateways.base import Reason


def an_account_of_every_kind(cast, age_seconds):
    never = {Reason.MERGED, Reason.AS_WANTED, Reason.TAKEOVER_DENIED}  # of what was lost
    circumstances = product(Status, set(Reason) - never, Wanted)
    common = {"workspace": cast.acme, "gateway": cast.gateway, "read_at": cast.now}
    since = {"status_since": cast.ago(age_seconds), "observed_at": cast.now}
    Account.objects.bulk_create(
        Account(session_id=f"{number}", status=s, status_reason=r, wanted=w, **common, **since)
        for number, (s, r, w) in enumerate(circumstances)
    )


@pytest.mark.parametrize("age_seconds", [60, 600])
def test_a_human_is_asked_for_wherever_there_is_something_to_do(cast, age_seconds):
    Account.objects.all().delete()
    an_account_of_every_kind(cast, age_seconds)
    wrong = [
        (account.status, account.status_reason, account.wanted, account.group)
        for account in with_group(cast.now).select_related("gateway")
        if account.shown != Status.UNKNOWN
        and (account.wanted == Wanted.RUNNING or account.shown in LIVE)
        and (account.group == Group.HUMAN) is what_to_do(account, cast.now).startswith("Nothing")
    ]
    assert wrong == []
