"""Many at once: the newest wins, no row is torn, no wait is endless."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from django.db import OperationalError, connection

from accounts.models import Account, SupersededSession, Transition
from accounts.operators.registration import register
from accounts.state.activity import SignOfLife, record_life
from accounts.state.observe import observe
from accounts.state.visibility import note_listing
from accounts.words.status import Source, Status
from tests.cast import a_number, make_cast, saw, saw_session

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 8
ROUNDS = 200
WORDS = [Status.CONNECTED, Status.DISCONNECTED, Status.QR_SCANNING, Status.CONNECTING]


@pytest.fixture
def cast():
    return make_cast()


@pytest.fixture(autouse=True)
def _nothing_rings(rung):
    """Enqueue nothing: no gateway runs here."""


@pytest.fixture
def crew():
    """Threads that each keep their own connection until the end."""
    with ThreadPoolExecutor(THREADS) as pool:
        yield pool
        everybody = threading.Barrier(THREADS)

        def leave(_):
            everybody.wait(10)
            connection.close()

        list(pool.map(leave, range(THREADS)))


def unbroken(account):
    """Return True if every transition begins where the previous one ended, and the last at the
    row's status."""
    story = list(Transition.objects.filter(account=account).order_by("id"))
    account.refresh_from_db()
    assert all(one.to_status == two.from_status for one, two in pairwise(story))
    assert not story or story[-1].to_status == account.status
    return story


def test_of_one_account_the_newest_wins_and_its_history_is_unbroken(cast, crew):
    dice = random.Random(20251116)
    Account.objects.filter(pk=cast.alice.pk).update(observed_at=None)
    for this_round in range(ROUNDS):
        began = cast.ago(ROUNDS - this_round)
        newest = dice.choice(WORDS)
        said = [(began.replace(microsecond=n), dice.choice(WORDS)) for n in range(THREADS - 1)]
        said.append((began.replace(microsecond=500_000), newest))
        dice.shuffle(said)
        looks = [[saw(cast.alice, word, at=moment)] for moment, word in said]

        list(crew.map(observe, looks))

        cast.alice.refresh_from_db()
        assert cast.alice.status == newest, f"round {this_round}"

    moments = [one.observed_at for one in unbroken(cast.alice)]
    assert moments == sorted(moments)


def test_accounts_that_swap_numbers_and_sessions_never_lock_each_other_out(cast, crew):
    """Take-overs, merges, reads that deny, signs of life and lists, all over the same rows."""
    fleet = [cast.an_account(f"s{n}", Status.CONNECTED) for n in range(12)]
    fresh = [cast.an_account(f"f{n}", Status.QR_SCANNING, phone_number=None) for n in range(6)]
    numbers = [account.phone_number for account in fleet]
    sessions = [account.session_id for account in [*fleet, *fresh]] + [f"n{n}" for n in range(6)]

    def storm(seed):
        dice = random.Random(seed)
        failures = []
        for step in range(25):
            act = dice.choice([observe, observe, observe, live, list_them])
            try:
                act(batch(dice, step) if act is observe else dice)
            except OperationalError as error:
                failures.append(str(error))
        return failures

    def batch(dice, step):
        return [
            saw_session(
                cast.gateway,
                dice.choice(sessions),
                dice.choice(WORDS),
                at=cast.ago(9 - step / 10),
                phone_number=dice.choice([*numbers, None]),
                source=dice.choice([Source.WEBHOOK, Source.READ]),
            )
            for _ in range(8)
        ]

    def live(dice):
        record_life(
            [
                SignOfLife(
                    gateway_id=cast.gateway.pk,
                    session_id=session,
                    seen_at=cast.now,
                    is_proof=True,
                    what="message received",
                )
                for session in dice.sample(sessions, 12)
            ]
        )

    def list_them(dice):
        accounts = [account.pk for account in dice.sample(fleet, 8)]
        note_listing(
            cast.gateway.pk, started=cast.now, unshown=accounts[:4], shown_again=accounts[4:]
        )

    failures = [line for lines in crew.map(storm, range(THREADS)) for line in lines]

    assert failures == []
    for account in [*fleet, *fresh]:
        unbroken(account)
    held = list(Account.objects.exclude(phone_number=None).values_list("phone_number", flat=True))
    assert sorted(held) == sorted({*numbers, *cast_numbers(cast)})
    current = set(Account.objects.exclude(session_id=None).values_list("session_id", flat=True))
    past = set(SupersededSession.objects.values_list("session_id", flat=True))
    assert current & past == set()


def cast_numbers(cast):
    return [cast.alice.phone_number, cast.charlie.phone_number]


def test_one_number_registered_by_many_at_once_is_one_account(cast, crew):
    for _ in range(10):
        number = a_number()

        def add(index, number=number):
            return register(
                workspace=cast.acme,
                gateway=cast.gateway,
                session_id=f"{number}-{index}",
                phone_number=number,
                actor="test",
            )

        results = list(crew.map(add, range(THREADS)))

        account = Account.objects.get(phone_number=number)
        assert {one.pk for one, _ in results} == {account.pk}
        assert [made for _, made in results].count(True) == 1
        assert account.superseded_sessions.count() == THREADS - 1


def test_one_session_registered_by_many_at_once_is_one_account(cast, crew):
    for index in range(10):

        def add(_, session_id=f"same-{index}"):
            return register(
                workspace=cast.acme, gateway=cast.gateway, session_id=session_id, actor="test"
            )

        results = list(crew.map(add, range(THREADS)))

        assert len({account.pk for account, _ in results}) == 1
        assert [made for _, made in results].count(True) == 1
