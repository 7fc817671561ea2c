"""Whose turn it is, and what to do, is the same in a list as in the account's own words."""

from __future__ import annotations

from itertools import product

import pytest

from accounts.explain.explanation import what_to_do
from accounts.explain.instruction import OBSERVED
from accounts.models import Account, Gateway, Repair
from accounts.words.status import LIVE, Status, Wanted
from accounts.words.step_codes import StepCode
from dashboard.account.groups import Group, with_group
from gateways.base import Reason
from reconciliation.models import Finding


def an_account_of_every_kind(cast, age_seconds):
    # Of what was lost.
    never = {Reason.MERGED, Reason.AS_WANTED, Reason.TAKEOVER_DENIED}
    never |= {Reason.UNSHOWN, Reason.UNANSWERED, Reason.BOOTING, Reason.MAINTENANCE}
    circumstances = product(Status, set(Reason) - never, Wanted)
    common = {"workspace": cast.acme, "gateway": cast.gateway, "read_at": cast.now}
    since = {"status_since": cast.ago(age_seconds), "observed_at": cast.now}
    Account.objects.bulk_create(
        Account(session_id=f"{number}", status=s, status_reason=r, wanted=w, **common, **since)
        for number, (s, r, w) in enumerate(circumstances)
    )


def instruction_for(account, now):
    return what_to_do(account, now, at_work=account.at_work, has_twin=account.has_twin)


def what_lists_and_words_say(cast):
    """(account, its group, what to do) of those that may be anybody's turn."""
    return [
        (account, account.group, instruction_for(account, cast.now))
        for account in with_group(cast.now).select_related("gateway")
        if account.shown != Status.UNKNOWN
        and (account.wanted == Wanted.RUNNING or account.shown in LIVE)
    ]


def those_that_disagree(told):
    return [
        (account.status, account.status_reason, account.wanted, account.next_step_code, group)
        for account, group, instruction in told
        if (group == Group.HUMAN) is not instruction.needs_human
        or instruction.text.startswith(("Nothing", OBSERVED)) is instruction.needs_human
    ]


@pytest.mark.parametrize("age_seconds", [60, 600])
def test_a_human_is_asked_for_wherever_there_is_something_to_do(cast, age_seconds):
    Account.objects.all().delete()
    an_account_of_every_kind(cast, age_seconds)

    assert those_that_disagree(what_lists_and_words_say(cast)) == []


def test_a_person_decides_between_two_that_run_with_one_number(cast):
    Account.objects.all().delete()
    an_account_of_every_kind(cast, 600)
    moments = {"first_seen_at": cast.now, "last_seen_at": cast.now}
    Finding.objects.bulk_create(
        Finding(
            kind="twin", gateway=cast.gateway, account=one, session_id=one.session_id, **moments
        )
        for one in Account.objects.all()
    )

    told = what_lists_and_words_say(cast)
    assert those_that_disagree(told) == []
    assert any("Keep this account" in instruction.text for _, _, instruction in told)


@pytest.mark.parametrize("age_seconds", [60, 600])
def test_lists_and_words_agree_whatever_repair_has_planned(cast, age_seconds):
    Account.objects.all().delete()
    an_account_of_every_kind(cast, age_seconds)
    for code in (*sorted(StepCode), "of_a_newer_version"):
        Account.objects.update(next_step_code=code)

        assert those_that_disagree(what_lists_and_words_say(cast)) == []


@pytest.mark.parametrize("mode", ["act", "observe"])
def test_nobody_is_asked_to_stop_what_rollcall_stops(cast, mode):
    Account.objects.all().delete()
    Gateway.objects.update(kind="waha", mode=mode)
    an_account_of_every_kind(cast, 600)

    assert those_that_disagree(what_lists_and_words_say(cast)) == []


@pytest.mark.parametrize("state", Repair.OPEN)
def test_nobody_is_asked_for_while_a_start_waits_or_is_under_way(cast, state):
    Account.objects.all().delete()
    an_account_of_every_kind(cast, 600)
    Repair.objects.bulk_create(
        Repair(account=account, gateway=cast.gateway, session_id="1", asked_by="rollcall")
        for account in Account.objects.all()
    )
    Repair.objects.update(state=state)
    told = what_lists_and_words_say(cast)

    assert those_that_disagree(told) == []
    waits_for_a_scan = (Status.QR_SCANNING, Wanted.RUNNING)
    asked_for = {(row.status, row.wanted) for row, group, _ in told if group == Group.HUMAN}
    assert asked_for == {waits_for_a_scan}
    assert {g for row, g, _ in told if row.wanted == Wanted.RUNNING and row.status not in LIVE} == {
        Group.HEALING
    }
