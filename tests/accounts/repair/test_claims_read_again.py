"""A webhook that reports a lost session triggers a read at once. If that task was lost (Redis was
down, a worker was killed during the read), it is enqueued again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.models import Gateway
from accounts.repair.targeted_read import (
    BLIND_ASKED_AT_ONCE,
    READS_REQUESTED_AT_ONCE,
    confirm,
    request_lost_reads,
)
from accounts.words.status import Source, Status
from tests.accounts.operators.waha_there import waha_at
from tests.cast import see

pytestmark = pytest.mark.django_db


def run_sweep(capture):
    with capture(execute=True):
        request_lost_reads()


def read(account):
    return ("accounts.tasks.confirm_session", (account.gateway_id, account.session_id))


@pytest.mark.parametrize("word", [Status.DISCONNECTED, Status.LOGGED_OUT, Status.BLOCKED])
def test_a_loss_that_a_webhook_claimed_and_nobody_has_read_is_rung_for_again(
    cast, rung, django_capture_on_commit_callbacks, word
):
    see(cast.alice, word, at=cast.ago(4))

    run_sweep(django_capture_on_commit_callbacks)

    assert rung == [read(cast.alice)]


def test_the_first_bell_is_given_its_time(cast, rung, django_capture_on_commit_callbacks):
    see(cast.alice, Status.DISCONNECTED, at=cast.now)

    run_sweep(django_capture_on_commit_callbacks)

    assert rung == []


def test_what_has_been_read_since_is_not_rung_for(cast, rung, django_capture_on_commit_callbacks):
    see(cast.alice, Status.DISCONNECTED, at=cast.ago(4))
    see(cast.alice, Status.DISCONNECTED, at=cast.ago(3), source=Source.READ)

    run_sweep(django_capture_on_commit_callbacks)

    assert rung == []


def test_nor_is_what_a_whole_list_was_compared_with(cast, rung, django_capture_on_commit_callbacks):
    see(cast.alice, Status.DISCONNECTED, at=cast.ago(4))
    Gateway.objects.filter(pk=cast.gateway.pk).update(listed_at=cast.ago(3))

    run_sweep(django_capture_on_commit_callbacks)

    assert rung == []


def test_a_list_that_was_asked_for_before_says_nothing_of_it(
    cast, rung, django_capture_on_commit_callbacks
):
    see(cast.alice, Status.DISCONNECTED, at=cast.ago(4))
    Gateway.objects.filter(pk=cast.gateway.pk).update(listed_at=cast.ago(5))

    run_sweep(django_capture_on_commit_callbacks)

    assert rung == [read(cast.alice)]


def test_of_a_gateway_that_cannot_be_read_one_is_tried(
    cast, rung, django_capture_on_commit_callbacks
):
    claimed = [cast.alice, cast.an_account("dana", Status.CONNECTED)]
    for account in claimed:
        see(account, Status.DISCONNECTED, at=cast.ago(4))
    Gateway.objects.filter(pk=cast.gateway.pk).update(blind_since=cast.ago(30))

    run_sweep(django_capture_on_commit_callbacks)

    assert len(rung) == 1 and rung[0] in [read(account) for account in claimed]


def test_of_very_many_gateways_that_cannot_be_read_few_are_tried(
    cast, rung, django_capture_on_commit_callbacks
):
    for number in range(BLIND_ASKED_AT_ONCE + 3):
        name, url = f"blind-{number}", f"http://blind-{number}:3001"
        blind = Gateway.objects.create(name=name, base_url=url, blind_since=cast.ago(30))
        account = cast.an_account(f"of-{name}", Status.CONNECTED, gateway=blind)
        see(account, Status.DISCONNECTED, at=cast.ago(4))

    run_sweep(django_capture_on_commit_callbacks)

    assert len(set(rung)) == len(rung) == BLIND_ASKED_AT_ONCE


def test_one_that_is_answered_there_rings_for_the_others(
    cast, rung, django_capture_on_commit_callbacks
):
    """The next roll call may be 20 s away."""
    others = [cast.an_account(name, Status.CONNECTED) for name in ("dana", "eve")]
    for account in (cast.alice, *others):
        see(account, Status.DISCONNECTED, at=cast.ago(4))

    with waha_at(cast.gateway) as there, django_capture_on_commit_callbacks(execute=True):
        there.statuses["alice"] = "WORKING"
        Gateway.objects.filter(pk=cast.gateway.pk).update(blind_since=cast.ago(30))
        confirm(cast.gateway.pk, "alice")

    assert sorted(rung) == sorted(read(account) for account in others)


def test_what_we_found_ourselves_needs_no_second_look(
    cast, rung, django_capture_on_commit_callbacks
):
    see(cast.alice, Status.DISCONNECTED, at=cast.ago(4), source=Source.PROBE)

    run_sweep(django_capture_on_commit_callbacks)

    assert rung == []


def test_of_very_many_so_many_are_rung_for_at_once(cast, rung, django_capture_on_commit_callbacks):
    for number in range(READS_REQUESTED_AT_ONCE + 5):
        claimed = cast.ago(4) - timedelta(seconds=number)
        account = cast.an_account(f"many {number}", Status.CONNECTED, observed_at=cast.ago(100))
        see(account, Status.DISCONNECTED, at=claimed)

    run_sweep(django_capture_on_commit_callbacks)

    assert len(set(rung)) == len(rung) == READS_REQUESTED_AT_ONCE
