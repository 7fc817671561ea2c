"""Rows that agree cost nothing and still stay fresh."""

from __future__ import annotations

from datetime import timedelta

from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Account
from accounts.store.clock import database_now
from accounts.words.status import Status
from simulator.world.world import ProcessState


def writes(queries):
    """Return the tables that were written, and how often."""
    words = [query["sql"].replace('"', "").split() for query in queries]
    return [
        f"{one[0]} {one[2] if one[0] == 'INSERT' else one[1]}"
        for one in words
        if one[0] in ("UPDATE", "INSERT", "DELETE")
    ]


def test_a_complete_list_that_agrees_writes_no_account(scene):
    scene.accounts(20)
    before = list(Account.objects.order_by("id").values())

    with CaptureQueriesContext(
        connection,
    ) as queries:
        scene.call_roll()

    assert list(Account.objects.order_by("id").values()) == before
    assert not any("whatsapp_accounts" in write for write in writes(queries))


def test_it_takes_as_many_statements_for_2_accounts_as_for_200(scene):
    def statements():
        with CaptureQueriesContext(connection) as queries:
            scene.call_roll()
        return len(queries)

    scene.call_roll()
    few = statements()
    scene.accounts(200)

    # One more if the boot moment, from an uptime that came late, has drifted by a second.
    assert statements() <= few + 1


def test_agreeing_lists_keep_every_word_alive(scene):
    accounts = scene.accounts(2)
    for _ in range(4):
        scene.passes(20)
        scene.call_roll()
        scene.sweep()

    assert scene.says(*accounts) == [(Status.CONNECTED, "")] * 2


def test_a_word_lives_for_45_seconds_after_the_start_of_the_last_list(scene):
    scene.call_roll()
    scene.world.state = ProcessState.STOPPED
    scene.passes(44)
    scene.sweep()
    assert scene.says(scene.cast.alice)[0][0] == Status.CONNECTED
    scene.passes(1)
    scene.sweep()

    assert scene.says(scene.cast.alice)[0][0] == Status.UNKNOWN


def test_a_row_that_the_list_did_not_show_is_not_kept_alive_by_it(scene, monkeypatch):
    monkeypatch.setattr(
        "reconciliation.rollcall.targeted_reads.WORTH_SECONDS", 1000
    )  # no read is made
    dana = scene.an_account("dana")
    scene.loses(dana)
    for _ in range(3):
        scene.tick()

    assert scene.says(dana)[0][0] == Status.UNKNOWN
    assert scene.says(scene.cast.alice)[0][0] == Status.CONNECTED


def test_with_everything_of_ours_stopped_readers_derive_the_same(scene):
    scene.call_roll()
    alice = Account.objects.get(pk=scene.cast.alice.pk)
    later = database_now() + timedelta(seconds=46)

    assert alice.status == Status.CONNECTED
    assert alice.shown_status(later) is Status.UNKNOWN
    assert Account.objects.with_shown_status(later).get(pk=alice.pk).shown == Status.UNKNOWN
