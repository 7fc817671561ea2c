"""Who is told what, when, and how often: from the change of a status to the rows of deliveries."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection

from accounts.models import Account, Gateway, Membership
from accounts.words.status import Source, Status, Wanted
from gateways.base import Reason
from notices.judging.tick import tick
from notices.models import Delivery, Loss, Notice, Subscription
from tests.accounts.alerts.receivers import a_channel

ACME = [("email", "olga"), ("in_app", "olga"), ("in_app", "vera")]
OPERATORS = [("in_app", "root")]
TERMINAL = [
    (Status.LOGGED_OUT, Reason.UNLINKED),
    (Status.BLOCKED, Reason.TERMS_OF_SERVICE),
    (Status.FAILED, Reason.REPAIR_GAVE_UP),
]


@pytest.mark.parametrize(("status", "reason"), TERMINAL)
def test_a_number_that_is_unlinked_blocked_or_given_up_is_told_within_ten_seconds(
    town, status, reason
):
    account = town.number("s1")
    town.turn(account, status=status, reason=reason)

    town.passes(6, every=2)

    assert town.told() == sorted([*ACME, *OPERATORS])
    town.passes(600)
    assert town.told() == sorted([*ACME, *OPERATORS])


def test_the_three_of_them_together_are_one_notice_to_each(town):
    for number, (status, reason) in enumerate(TERMINAL):
        town.turn(town.number(f"s{number}"), status=status, reason=reason)

    town.passes(8, every=2)

    assert town.notices() == 2  # the operators', and the workspace's
    assert town.told() == sorted([*ACME, *OPERATORS])
    assert set(Notice.objects.values_list("number", flat=True)) == {3}


def test_twelve_that_fail_within_seconds_are_one_notice(town):
    for number in range(12):
        account = town.number(f"s{number}")
        town.turn(account, status=Status.FAILED, reason=Reason.REPAIR_GAVE_UP)
        if number % 4 == 3:
            town.passes(1, every=1)

    town.passes(300)

    assert town.told() == sorted([*ACME, *OPERATORS])
    assert set(Notice.objects.values_list("number", flat=True)) == {12}


@pytest.mark.timeout(300)
def test_five_thousand_lost_together_are_one_notice_for_each_recipient_and_channel(town):
    a_channel("ops")
    accounts = Account.objects.bulk_create(
        Account(
            workspace=(town.cast.acme, town.cast.globex)[number % 2],
            gateway=town.cast.gateway,
            session_id=f"s{number}",
            phone_number=f"6281{number:08}",
            status=Status.CONNECTED,
            last_connected_at=town.cast.ago(600),
        )
        for number in range(5000)
    )
    for start in range(0, 5000, 500):
        town.turn(*accounts[start : start + 500], status=Status.DISCONNECTED, reason=Reason.NETWORK)
        town.passes(2, every=2)

    town.passes(260, every=20)

    assert town.told() == sorted(
        [*ACME, ("channel", "ops"), *OPERATORS, ("email", "gina"), ("in_app", "gina")]
    )
    assert sorted(Notice.objects.values_list("number", flat=True)) == [2500, 2500, 5000]

    town.turn(*accounts, status=Status.CONNECTED)
    town.passes(90, every=30)

    assert town.told(Delivery.What.BACK) == town.told()


def test_a_tick_scans_no_table_for_each_lost_number(town):
    """The planner believes what it saw last: tables without rows."""
    analyze("notices_loss", "notices_notice", "account_transitions")
    accounts = [town.number(f"s{number}") for number in range(600)]
    before = rows_scanned()

    town.turn(*accounts, status=Status.LOGGED_OUT, reason=Reason.UNLINKED)
    town.passes(10, every=2)
    town.turn(*accounts, status=Status.CONNECTED)
    town.passes(70, every=10)

    assert Notice.objects.filter(closed_at__isnull=False).count() == 2
    assert rows_scanned() - before < 10 * len(accounts)


def analyze(*tables: str) -> None:
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"ANALYZE {table}")


def rows_scanned() -> int:
    """Count the rows that this transaction read from one end to the other of a table."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(seq_tup_read), 0) FROM pg_stat_xact_user_tables"
            " WHERE relname LIKE 'notices%' OR relname IN"
            " ('account_transitions', 'whatsapp_accounts')"
        )
        [(rows,)] = cursor.fetchall()
    return int(rows)


def test_what_heals_within_the_hold_is_told_to_nobody(town):
    accounts = [town.number(f"s{number}") for number in range(20)]
    town.turn(*accounts, status=Status.DISCONNECTED, reason=Reason.NETWORK)
    town.passes(170)
    town.turn(*accounts, status=Status.CONNECTED)

    town.passes(600)

    assert Delivery.objects.count() == 0
    assert set(Loss.objects.values_list("ending", flat=True)) == {Loss.Ending.HEALED_EARLY}


def test_the_hold_counts_from_the_first_drop(town):
    account = town.number("s1")
    for _ in range(4):  # 30 s down, 10 s up, …
        town.turn(account, status=Status.DISCONNECTED, reason=Reason.NETWORK)
        town.passes(30)
        town.turn(account, status=Status.CONNECTED)
        town.passes(10)
    town.turn(account, status=Status.DISCONNECTED, reason=Reason.NETWORK)
    town.passes(15)
    assert town.told() == []  # 175 s after the first drop

    town.passes(30)

    assert town.told() == sorted([*ACME, *OPERATORS])


def test_a_conflict_that_comes_and_goes_is_told_once(town):
    account = town.number("s1")
    for _ in range(8):
        town.turn(account, status=Status.DISCONNECTED, reason=Reason.REPLACED)
        town.passes(120)
        town.turn(account, status=Status.CONNECTED)
        town.passes(120)

    assert town.told() == sorted([*ACME, *OPERATORS])
    assert town.told(Delivery.What.BACK) == []
    town.passes(900)
    assert town.told(Delivery.What.BACK) == sorted([*ACME, *OPERATORS])


def test_a_recovery_is_told_once_and_only_if_the_loss_was(town):
    account = town.number("s1")
    town.turn(account, status=Status.LOGGED_OUT, reason=Reason.UNLINKED)
    town.passes(30)
    town.turn(account, status=Status.CONNECTED)
    town.passes(300)

    assert town.told(Delivery.What.BACK) == town.told() != []
    assert Notice.objects.filter(closed_at__isnull=True).count() == 0


def test_a_number_that_is_lost_again_within_the_hour_says_so_and_waits_for_a_calm(town):
    account = town.number("s1")
    for _ in range(2):
        town.turn(account, status=Status.LOGGED_OUT, reason=Reason.UNLINKED)
        town.passes(30)
        town.turn(account, status=Status.CONNECTED)
        town.passes(70)
    assert len(town.told(Delivery.What.BACK)) == len([*ACME, *OPERATORS])

    last = Loss.objects.latest("id")
    assert last.is_again and last.ended_at is None


def test_nobody_is_told_while_we_are_blind(town):
    account = town.number("s1")
    town.turn(account, status=Status.LOGGED_OUT, reason=Reason.UNLINKED)
    Gateway.objects.update(blind_since=town.now(), blind_why="no answer")
    town.passes(60)
    assert town.told() == []

    Gateway.objects.update(blind_since=None, sight_since=town.now())
    town.passes(20)
    assert town.told() == sorted([*ACME, *OPERATORS])


def test_an_unreachable_gateway_is_the_operators_incident_not_a_notice(town):
    accounts = [town.number(f"s{number}") for number in range(5)]
    town.turn(*accounts, status=Status.UNKNOWN, reason=Reason.UNREACHABLE, source=Source.SWEEP)

    town.passes(600)

    assert Delivery.objects.count() == 0


def test_of_a_gateway_that_is_only_observed_operators_alone_are_told(town):
    Gateway.objects.update(mode=Gateway.Mode.OBSERVE)
    town.turn(town.number("s1"), status=Status.BLOCKED, reason=Reason.TERMS_OF_SERVICE)

    town.passes(20)

    assert town.told() == OPERATORS


def test_a_number_that_was_never_connected_is_no_loss(town):
    account = town.number("s1", status=Status.PENDING, last_connected_at=None)
    town.turn(account, status=Status.QR_SCANNING)

    town.passes(600)

    assert town.told() == []


def test_a_number_that_people_switch_off_is_no_loss_and_ends_one_silently(town):
    account, other = town.number("s1"), town.number("s2", wanted=Wanted.STOPPED)
    town.turn(other, status=Status.DISCONNECTED, reason=Reason.NETWORK)
    town.turn(account, status=Status.LOGGED_OUT, reason=Reason.UNLINKED)
    town.passes(20)
    Account.objects.filter(pk=account.pk).update(wanted=Wanted.STOPPED)

    town.passes(120)

    assert [loss.ending for loss in Loss.objects.all()] == [Loss.Ending.UNWANTED]
    assert town.told(Delivery.What.BACK) == []


def test_a_webhooks_claim_waits_for_its_read_or_eight_seconds(town):
    account = town.number("s1")
    town.turn(account, status=Status.LOGGED_OUT, reason=Reason.UNLINKED, source=Source.WEBHOOK)
    town.passes(6, every=2)
    assert town.told() == []

    town.passes(4, every=2)
    assert town.told() == sorted([*ACME, *OPERATORS])


def test_what_joins_a_notice_that_was_sent_is_one_more_message_five_minutes_later(town):
    a_channel("ops")
    town.turn(town.number("s1"), status=Status.LOGGED_OUT, reason=Reason.UNLINKED)
    town.passes(10)
    Delivery.objects.filter(next_attempt_at__isnull=False).update(
        state=Delivery.State.SENT, next_attempt_at=None
    )
    for number in range(2, 9):
        town.turn(town.number(f"s{number}"), status=Status.LOGGED_OUT, reason=Reason.UNLINKED)
        town.passes(20)

    assert town.told(Delivery.What.MORE) == [("channel", "ops"), ("email", "olga")]
    due = Delivery.objects.filter(what=Delivery.What.MORE).values_list("next_attempt_at", flat=True)
    assert min(due) > town.now() + timedelta(seconds=60)


def test_those_who_left_and_those_who_switched_it_off_are_not_told(town):
    town.turn(town.number("s1"), status=Status.LOGGED_OUT, reason=Reason.UNLINKED)
    town.passes(10)
    Subscription.objects.filter(user=town.olga, kind="email").update(is_active=False)
    Membership.objects.filter(user=town.vera).delete()
    Delivery.objects.all().delete()
    Notice.objects.update(closed_at=town.now())
    town.turn(town.number("s2"), status=Status.LOGGED_OUT, reason=Reason.UNLINKED)

    town.passes(10)

    assert town.told() == [("in_app", "olga"), ("in_app", "root")]


def test_a_number_lost_long_before_rollcall_began_to_tell_is_not_told_any_more(town):
    old = town.number("s1", status=Status.LOGGED_OUT, status_since=town.cast.ago(30 * 3600))
    town.number("s2", status=Status.LOGGED_OUT, status_since=town.cast.ago(3600))

    town.passes(10)

    assert town.notices() == 2
    assert not Loss.objects.filter(account=old).exists()


def test_two_ticks_at_once_do_no_harm(town):
    town.turn(town.number("s1"), status=Status.LOGGED_OUT, reason=Reason.UNLINKED)
    town.passes(10)

    tick()
    tick()

    assert town.told() == sorted([*ACME, *OPERATORS])
