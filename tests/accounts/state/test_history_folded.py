"""An account that comes and goes: few rows of history, and nothing lost that a reader needs."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import F

from accounts.models import Account, Transition
from accounts.state.history import MOST, MOST_AT_ALL
from accounts.state.observe import observe
from accounts.words.status import Source, Status
from gateways.base import Reason
from tests.cast import saw, see

AWAY = [
    (Status.CONNECTING, Reason.RECONNECTING),
    (Status.DISCONNECTED, Reason.NETWORK),
]


def comes_and_goes(cast, account, times, *, between=0.1, words=AWAY):
    for turn in range(times):
        status, reason = words[turn % len(words)]
        at = cast.ago(9 - turn * 0.01)
        see(account, status, at=at, reason=reason)


def rows(account):
    return list(Transition.objects.filter(account=account).order_by("id"))


@pytest.mark.parametrize("times", [1, MOST, MOST + 1, 63, 300])
def test_beyond_a_few_rows_it_is_folded(cast, times):
    comes_and_goes(cast, cast.alice, times)
    found = rows(cast.alice)
    assert len(found) == min(times, MOST)
    assert sum(row.folded for row in found) + len(found) == times


def test_the_newest_row_says_what_the_account_says(cast):
    comes_and_goes(cast, cast.alice, 64)
    cast.alice.refresh_from_db()
    last = rows(cast.alice)[-1]
    assert (last.to_status, last.reason) == (cast.alice.status, cast.alice.status_reason)
    assert last.folded and f"after {last.folded} more changes" in last.change


def test_each_row_begins_where_the_one_before_ends(cast):
    comes_and_goes(cast, cast.alice, 65)
    see(cast.alice, Status.LOGGED_OUT, at=cast.now, reason=Reason.UNLINKED)
    found = rows(cast.alice)
    assert [row.from_status for row in found[1:]] == [row.to_status for row in found[:-1]]


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (Status.CONNECTED, Reason.NONE),
        (Status.LOGGED_OUT, Reason.UNLINKED),
        (Status.BLOCKED, Reason.TEMPORARY_BAN),
        (Status.DISCONNECTED, Reason.BROWSER_GONE),
    ],
)
def test_what_was_not_said_before_is_a_row_of_its_own(cast, status, reason):
    comes_and_goes(cast, cast.alice, 51)
    see(cast.alice, status, at=cast.now, reason=reason)
    last = rows(cast.alice)[-1]
    assert (last.to_status, last.reason, last.folded) == (status, reason, 0)


def test_what_a_person_does_is_a_row_of_its_own_and_stays(cast):
    comes_and_goes(cast, cast.alice, 51)
    see(
        cast.alice,
        Status.DISCONNECTED,
        at=cast.ago(2),
        source=Source.OPERATOR,
        actor="olga",
        reason=Reason.OPERATOR,
    )
    see(cast.alice, Status.CONNECTING, at=cast.ago(1), reason=Reason.RECONNECTING)
    assert [row.actor for row in rows(cast.alice)[-2:]] == ["olga", ""]


def test_a_state_that_lasted_a_minute_is_never_folded_away(cast):
    comes_and_goes(cast, cast.alice, 51)
    minute = timedelta(minutes=1)
    newest = rows(cast.alice)[-1]
    Transition.objects.update(created_at=F("created_at") - minute)
    see(cast.alice, Status.DISCONNECTED, at=cast.now, reason=Reason.NETWORK)
    assert rows(cast.alice)[-1].pk != newest.pk


def test_ever_other_words_end_at_a_limit_as_well(cast):
    said = [(Status.DISCONNECTED, reason) for reason in Reason]
    said = [pair for reason in said for pair in (AWAY[0], reason)]
    comes_and_goes(cast, cast.alice, 2 * len(said), words=said)
    assert len(rows(cast.alice)) <= MOST_AT_ALL


def test_one_that_comes_and_goes_costs_the_others_of_a_batch_nothing(cast):
    comes_and_goes(cast, cast.alice, 31)
    before = len(rows(cast.alice))
    observe(
        [
            saw(cast.alice, Status.DISCONNECTED, at=cast.ago(2), reason=Reason.NETWORK),
            saw(cast.bob, Status.CONNECTED, at=cast.ago(2), phone_number="4915112345678"),
            saw(cast.alice, Status.CONNECTING, at=cast.ago(1), reason=Reason.RECONNECTING),
        ]
    )
    assert len(rows(cast.alice)) == before
    assert [row.to_status for row in rows(cast.bob)] == [Status.CONNECTED]
    assert Account.objects.get(pk=cast.alice.pk).status == Status.CONNECTING
