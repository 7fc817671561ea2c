"""Facts that observe() sees after the wait for a row, and locks that it leaves to its caller."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from django.db import OperationalError, connection, transaction

from accounts.models import Account, SupersededSession
from accounts.state.observations import Verdict
from accounts.state.observe import observe
from accounts.words.status import Status
from tests.accounts.store.threads import meanwhile
from tests.cast import left_behind, make_cast, saw, saw_session, see, see_session, story

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cast():
    return make_cast()


@pytest.fixture(autouse=True)
def _nothing_rings(rung):
    """Enqueue nothing: no gateway runs here."""


def run_sql(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0]


def lock_timeout():
    return run_sql("SELECT current_setting('lock_timeout')")


def test_it_waits_for_the_row_and_then_lets_the_newer_win(cast):
    with ExitStack() as ended, transaction.atomic():
        see(cast.alice, Status.DISCONNECTED, at=cast.ago(1))
        late = saw(cast.alice, Status.CONNECTED, at=cast.ago(2))
        found = ended.enter_context(meanwhile(lambda: observe([late])))

    [[outcome]] = found
    assert outcome.verdict is Verdict.OLDER
    assert story(cast.alice) == [("connected", "disconnected")]


def test_it_finds_an_account_that_moved_to_another_gateway_while_it_waited(cast):
    """The row was found by number, and still has it after the lock."""
    with ExitStack() as ended, transaction.atomic():
        alice = Account.objects.select_for_update().get(pk=cast.alice.pk)
        scanned = saw_session(
            cast.gateway,
            "fresh",
            Status.CONNECTED,
            at=cast.ago(1),
            phone_number=alice.phone_number,
            workspace_id=cast.acme.pk,
        )
        found = ended.enter_context(meanwhile(lambda: observe([scanned])))
        alice.gateway, alice.session_id = cast.other_gateway, "moved"
        alice.save()

    [[outcome]] = found
    assert outcome.verdict is Verdict.TAKEN_OVER
    assert left_behind(cast.alice) == {"moved"}


def test_it_sees_that_its_session_was_superseded_while_it_waited(cast):
    with ExitStack() as ended, transaction.atomic():
        see_session(
            cast.gateway,
            "fresh",
            Status.CONNECTED,
            at=cast.ago(2),
            phone_number=cast.alice.phone_number,
        )
        gone = saw(cast.alice, Status.DISCONNECTED, at=cast.ago(1))
        found = ended.enter_context(meanwhile(lambda: observe([gone])))

    [[outcome]] = found
    assert outcome.verdict is Verdict.SUPERSEDED
    cast.alice.refresh_from_db()
    assert (cast.alice.session_id, cast.alice.status) == ("fresh", Status.CONNECTED)


def test_it_gives_up_after_two_seconds_and_has_written_nothing(cast):
    batch = [
        saw(cast.bob, Status.CONNECTED, at=cast.ago(1)),
        saw(cast.alice, Status.DISCONNECTED, at=cast.ago(1)),
    ]

    with transaction.atomic():
        Account.objects.select_for_update().get(pk=cast.alice.pk)
        with meanwhile(lambda: observe(batch)) as found:
            pass  # the thread is joined while we hold the lock

    assert isinstance(found[0], OperationalError)

    cast.bob.refresh_from_db()
    assert cast.bob.status == Status.QR_SCANNING


def test_rows_that_its_caller_writes_next_are_locked_at_once_in_id_order(cast):
    """Otherwise two transactions that lock the same rows in opposite order would deadlock."""
    first, second = sorted((cast.alice, cast.bob), key=lambda account: account.pk)
    gone = saw(second, Status.DISCONNECTED, at=cast.ago(1))
    with ExitStack() as ended, transaction.atomic():
        Account.objects.select_for_update().get(pk=first.pk)
        # It waits for the first row, and does not hold the second one meanwhile.
        ended.enter_context(meanwhile(lambda: observe([gone], others=[first.pk])))
        Account.objects.select_for_update(nowait=True).get(pk=second.pk)

    assert Account.objects.get(pk=second.pk).status == Status.DISCONNECTED


def test_it_is_not_held_up_by_somebody_who_only_points_at_the_account(cast):
    """A finding or a delivery that names an account locks the row's key until it is committed."""
    with ExitStack() as ended, transaction.atomic():
        run_sql(f"SELECT id FROM whatsapp_accounts WHERE id = {cast.alice.pk} FOR KEY SHARE")
        gone = saw(cast.alice, Status.DISCONNECTED, at=cast.ago(1))
        found = ended.enter_context(meanwhile(lambda: observe([gone])))
        assert [outcome.verdict for outcome in found[0]] == [Verdict.APPLIED]


def test_it_leaves_its_callers_lock_timeout_alone(cast):
    with transaction.atomic():
        run_sql("SELECT set_config('lock_timeout', '7s', true)")
        see(cast.alice, Status.DISCONNECTED, at=cast.ago(1))
        assert lock_timeout() == "7s"
    assert lock_timeout() == "0"


def test_it_works_in_a_transaction_that_has_rolled_back_to_a_savepoint(cast):
    with transaction.atomic():
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            see(cast.alice, Status.DISCONNECTED, at=cast.ago(2))
            raise ZeroDivisionError
        see(cast.alice, Status.CONNECTING, at=cast.ago(1))

    assert story(cast.alice) == [("connected", "connecting")]


def test_what_it_wrote_goes_with_its_callers_transaction(cast, rung):
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        see(cast.alice, Status.DISCONNECTED, at=cast.ago(1))
        raise ZeroDivisionError

    cast.alice.refresh_from_db()
    assert cast.alice.status == Status.CONNECTED
    assert story(cast.alice) == []
    assert rung == []


def test_a_number_that_somebody_else_takes_meanwhile_is_looked_at_again(cast):
    """Two sessions scanned one number: the second waits for the first, and is merged into it."""
    dana = cast.an_account("dana", Status.QR_SCANNING, phone_number=None)
    number = "62811801699"

    with ExitStack() as ended, transaction.atomic():
        see(cast.bob, Status.CONNECTED, at=cast.ago(2), phone_number=number)
        scanned = saw(dana, Status.CONNECTED, at=cast.ago(1), phone_number=number)

        def observe_in_a_transaction():
            with transaction.atomic():
                SupersededSession.objects.count()
                return observe([scanned])

        found = ended.enter_context(meanwhile(observe_in_a_transaction))

    [[outcome]] = found
    assert (outcome.verdict, outcome.account_id) == (Verdict.MERGED, cast.bob.pk)
    assert Account.objects.get(phone_number=number).session_id == "dana"
