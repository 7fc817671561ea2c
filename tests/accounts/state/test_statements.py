"""observe() costs a fixed number of statements for any number of observations."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, Transition
from accounts.state.observations import Verdict
from accounts.state.observe import CHUNK, observe
from accounts.words.status import Source, Status
from tests.cast import saw, saw_session

# Round trips: 2 savepoint, 2 lock_timeout, the lock, a second read; then the rows with their
# transitions. Take-overs write their superseded sessions as well.
READING = 6
APPLYING = READING + 1
TAKING_OVER = READING + 2


def a_fleet(cast, size):
    return Account.objects.bulk_create(
        Account(
            workspace=cast.acme,
            gateway=cast.gateway,
            session_id=f"fleet-{index}",
            phone_number=str(70_000_000_000 + index),
            status=Status.CONNECTED,
            status_since=cast.ago(600),
            observed_at=cast.ago(10),
            read_at=cast.ago(10),
        )
        for index in range(size)
    )


@pytest.mark.parametrize("size", [1, CHUNK])
def test_a_change_of_every_row(cast, size, django_assert_num_queries):
    fleet = a_fleet(cast, size)
    gone = [saw(account, Status.DISCONNECTED, at=cast.ago(1)) for account in fleet]

    with django_assert_num_queries(APPLYING):
        outcomes = observe(gone)

    assert {outcome.verdict for outcome in outcomes} == {Verdict.APPLIED}
    assert Transition.objects.count() == size


@pytest.mark.parametrize("size", [1, CHUNK])
def test_nothing_to_change(cast, size, django_assert_num_queries):
    fleet = a_fleet(cast, size)

    with django_assert_num_queries(READING):
        observe([saw(account, Status.DISCONNECTED, at=cast.ago(20)) for account in fleet])


@pytest.mark.parametrize("size", [1, CHUNK])
def test_a_take_over_of_every_row(cast, size, django_assert_num_queries):
    fleet = a_fleet(cast, size)
    scans = [
        saw_session(
            cast.gateway,
            f"fresh-{account.session_id}",
            Status.CONNECTED,
            at=cast.ago(1),
            phone_number=account.phone_number,
            source=Source.LIST,
        )
        for account in fleet
    ]

    with django_assert_num_queries(TAKING_OVER):
        outcomes = observe(scans)

    assert {outcome.verdict for outcome in outcomes} == {Verdict.TAKEN_OVER}


def test_nothing_seen_costs_nothing(cast, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert observe([]) == []


def test_a_large_pass_is_cut_into_chunks_and_answered_in_order(cast):
    fleet = a_fleet(cast, 5 * CHUNK)
    # Each twice, the newer first: 5,000 observations.
    seen = [saw(account, Status.DISCONNECTED, at=cast.ago(1)) for account in fleet]
    seen += [saw(account, Status.CONNECTING, at=cast.ago(2)) for account in fleet]

    with CaptureQueriesContext(
        connection,
    ) as queries:
        outcomes = observe(iter(seen))

    assert [outcome.observation for outcome in outcomes] == seen
    assert [outcome.verdict for outcome in outcomes] == [
        *[Verdict.APPLIED] * len(fleet),
        *[Verdict.OLDER] * len(fleet),
    ]
    assert Account.objects.filter(status=Status.DISCONNECTED).count() == len(fleet)
    assert len(queries) == 5 * APPLYING + 5 * READING
