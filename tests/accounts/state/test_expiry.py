"""A live status is not believed 45 s after the start of the last read that positively showed it."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from django.db import transaction

from accounts import tasks
from accounts.models import Account, Gateway
from accounts.state import expiry
from accounts.state.expiry import expire_live_words, why_unseen
from accounts.state.observations import Verdict
from accounts.store.clock import database_now
from accounts.words.status import LIVE, Source, Status
from gateways.base import Reason
from tests.accounts.store.threads import meanwhile
from tests.cast import make_cast, see, story

KEEPING = sorted(set(Status) - LIVE)


def last_seen(moment):
    return {"observed_at": moment, "read_at": moment}


def watch(gateway, **fields):
    """Record a roll call of this gateway with this result."""
    Gateway.objects.filter(pk=gateway.pk).update(**fields)


@pytest.mark.parametrize("word", sorted(LIVE))
def test_a_live_word_expires_45_seconds_after_its_last_read(cast, word):
    dana = cast.an_account("dana", word, read_at=cast.ago(45))
    eve = cast.an_account("eve", word, read_at=cast.ago(40))

    expire_live_words()
    dana.refresh_from_db()
    eve.refresh_from_db()

    assert (dana.status, dana.last_known_status) == (Status.UNKNOWN, word)
    assert eve.status == word
    [transition] = dana.transitions.all()
    assert (transition.source, transition.actor) == (Source.SWEEP, "rollcall")


@pytest.mark.parametrize("word", KEEPING)
def test_other_words_keep(cast, word):
    dana = cast.an_account("dana", word, read_at=cast.ago(86_400))

    expire_live_words()
    dana.refresh_from_db()

    assert dana.status == word
    assert story(dana) == []


def test_it_does_not_expire_what_its_gateways_last_list_showed(cast):
    dana = cast.an_account("dana", Status.CONNECTED, read_at=cast.ago(300))
    watch(cast.gateway, listed_at=cast.ago(5))

    assert expire_live_words() == []
    dana.refresh_from_db()
    assert dana.status == Status.CONNECTED


def test_it_expires_what_its_gateways_last_list_did_not_show(cast):
    dana = cast.an_account(
        "dana", Status.CONNECTED, read_at=cast.ago(300), unshown_since=cast.ago(60)
    )
    watch(cast.gateway, listed_at=cast.ago(5))

    [outcome] = expire_live_words()

    assert outcome.account_id == dana.pk
    assert outcome.now is Status.UNKNOWN


def test_another_gateways_list_says_nothing(cast):
    dana = cast.an_account("dana", Status.CONNECTED, read_at=cast.ago(300))
    watch(cast.other_gateway, listed_at=cast.ago(1))

    [outcome] = expire_live_words()

    assert outcome.account_id == dana.pk


def test_a_word_that_was_just_said_is_given_its_45_seconds(cast):
    dana = cast.an_account("dana", Status.DISCONNECTED, **last_seen(cast.ago(300)))
    see(dana, Status.CONNECTED, at=cast.ago(40))

    assert expire_live_words() == []


def test_claiming_it_again_does_not_prolong_it(cast):
    dana = cast.an_account("dana", Status.CONNECTED, **last_seen(cast.ago(50)))
    for seconds in (40, 20, 1):
        see(dana, Status.CONNECTED, at=cast.ago(seconds), source=Source.WEBHOOK)

    expire_live_words()
    dana.refresh_from_db()

    assert dana.status == Status.UNKNOWN


def test_reading_it_again_prolongs_it(cast):
    dana = cast.an_account("dana", Status.CONNECTED, **last_seen(cast.ago(50)))
    see(dana, Status.CONNECTED, at=cast.ago(40), source=Source.READ)

    assert expire_live_words() == []


def test_a_read_that_did_not_find_it_does_not_prolong_it(cast):
    dana = cast.an_account("dana", Status.CONNECTING, read_at=cast.ago(50))
    see(dana, Status.DISCONNECTED, at=cast.ago(2), reason=Reason.MISSING, source=Source.READ)

    assert dana.read_at == cast.ago(50)


def test_after_it_expired_a_list_that_began_before_the_sweep_brings_it_back(cast):
    dana = cast.an_account("dana", Status.CONNECTED, read_at=cast.ago(46))
    began = database_now()
    expire_live_words()

    outcome = see(dana, Status.CONNECTED, at=began, source=Source.LIST)

    assert outcome.verdict is Verdict.APPLIED
    assert story(dana) == [("connected", "unknown"), ("unknown", "connected")]


@pytest.mark.django_db(transaction=True)
def test_a_read_that_is_being_written_when_the_sweep_comes_saves_it():
    cast = make_cast()
    dana = cast.an_account("dana", Status.CONNECTED, read_at=cast.ago(50))

    with ExitStack() as ended, transaction.atomic():
        see(dana, Status.CONNECTED, at=cast.ago(1), source=Source.READ)
        swept = ended.enter_context(meanwhile(expire_live_words))

    [[outcome]] = swept
    assert outcome.verdict is Verdict.STILL_FRESH
    assert story(dana) == []


@pytest.mark.django_db(transaction=True)
def test_a_list_that_is_written_while_the_sweep_waits_saves_it():
    """The watermark is read after the row is locked, not before the wait."""
    cast = make_cast()
    dana = cast.an_account("dana", Status.CONNECTED, read_at=cast.ago(50))

    with ExitStack() as ended, transaction.atomic():
        Account.objects.select_for_update().get(pk=dana.pk)
        swept = ended.enter_context(meanwhile(expire_live_words))
        watch(cast.gateway, listed_at=cast.ago(1))

    [[outcome]] = swept
    assert outcome.verdict is Verdict.STILL_FRESH


def test_it_takes_thousands_in_chunks(cast, monkeypatch):
    for number in range(7):
        cast.an_account(f"s{number}", Status.CONNECTED, read_at=cast.ago(60))
    monkeypatch.setattr("accounts.state.observe.CHUNK", 3)

    assert len(expire_live_words()) == 7
    assert expire_live_words() == []


@pytest.mark.parametrize(
    ("gateway", "account", "reason"),
    [
        ({"run_started_at": None}, {}, Reason.OVERDUE),
        ({"run_started_at": 60}, {}, Reason.OVERDUE),
        ({"run_started_at": 60, "blind_since": 50}, {}, Reason.OVERDUE),
        ({"run_started_at": 5, "blind_since": 50}, {}, Reason.UNREACHABLE),
        ({"run_started_at": 5, "boot_seen_at": 50}, {"unshown_since": 40}, Reason.BOOTING),
        ({"run_started_at": 5, "boot_seen_at": 50}, {}, Reason.PARTIAL_LIST),
        ({"run_started_at": 5}, {}, Reason.PARTIAL_LIST),
        ({"run_started_at": 5, "listed_at": 60}, {"unshown_since": 90}, Reason.PARTIAL_LIST),
        ({"run_started_at": 5, "listed_at": 5}, {"unshown_since": 40}, Reason.UNSHOWN),
        (
            {"run_started_at": 5, "listed_at": 5},
            {"unshown_since": 40, "probe_failing_since": 30},
            Reason.UNANSWERED,
        ),
        ({"run_started_at": 5}, {"probe_failing_since": 30}, Reason.PARTIAL_LIST),
        (
            {"run_started_at": 5, "listed_at": 5, "blind_since": 50},
            {"unshown_since": 40, "probe_failing_since": 30},
            Reason.UNREACHABLE,
        ),
    ],
)
def test_it_says_why(cast, gateway, account, reason):
    def moments(seconds):
        return {name: ago and cast.ago(ago) for name, ago in seconds.items()}

    dana = cast.an_account("dana", Status.CONNECTED, read_at=cast.ago(60), **moments(account))
    watch(cast.gateway, **moments(gateway))
    dana.refresh_from_db()

    assert why_unseen(dana, cast.now) is reason
    expiry.expire_live_words()
    dana.refresh_from_db()
    assert dana.status_reason == reason


# --- a gateway with very many -------------------------------------------------------------------
@pytest.fixture
def many(cast):
    return [cast.an_account(f"n{n}", Status.CONNECTED, read_at=cast.ago(60)) for n in range(7)]


def still_connected(accounts):
    pks = [account.pk for account in accounts]
    return Account.objects.filter(pk__in=pks, status=Status.CONNECTED).count()


def test_a_sweep_holds_few_of_them_at_once(many, monkeypatch):
    monkeypatch.setattr(expiry, "PAGE", 3)
    held = []

    def observe(seen):
        seen = list(seen)
        held.append(len(seen))
        return observed(seen)

    observed = expiry.observe
    monkeypatch.setattr(expiry, "observe", observe)
    expire_live_words()

    assert held == [3, 3, 1]
    assert still_connected(many) == 0


def test_what_is_too_much_for_one_sweep_is_the_next_ones(many, monkeypatch):
    monkeypatch.setattr(expiry, "PAGE", 2)
    monkeypatch.setattr(expiry, "MOST_AT_ONCE", 4)

    expire_live_words()
    assert still_connected(many) == 3
    expire_live_words()
    assert still_connected(many) == 0


def test_a_sweep_does_not_begin_while_another_one_runs(many, monkeypatch):
    def another(*words):
        tasks.expire_live_words()
        return real()

    real = expiry.expire_live_words
    monkeypatch.setattr(expiry, "expire_live_words", lambda: begun.append(another()))
    begun = []
    tasks.expire_live_words()

    assert len(begun) == 1
    assert still_connected(many) == 0
