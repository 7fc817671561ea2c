"""Wish of people against the actual status."""

from __future__ import annotations

import pytest

from accounts.operators import lifecycle
from accounts.words.status import Source, Status, Wanted
from gateways.base import Reason
from tests.cast import see, story


@pytest.fixture
def dana(cast):
    return cast.an_account("dana", Status.CONNECTED, wanted=Wanted.STOPPED)


def test_seen_alive_it_reads_its_real_word(cast, dana):
    see(dana, Status.QR_SCANNING, at=cast.ago(1), source=Source.LIST)

    assert dana.status == Status.QR_SCANNING


@pytest.mark.parametrize("source", [Source.WEBHOOK, Source.LIST, Source.READ])
def test_gone_it_is_stopped_and_never_disconnected(cast, dana, source):
    see(dana, Status.DISCONNECTED, at=cast.ago(1), reason=Reason.MISSING, source=source)

    assert (dana.status, dana.status_reason) == (Status.STOPPED, Reason.AS_WANTED)
    assert story(dana) == [("connected", "stopped")]


def test_blind_it_stays_stopped(cast):
    dana = cast.an_account("dana", Status.STOPPED, wanted=Wanted.STOPPED)

    for source in (Source.SWEEP, Source.LIST):
        see(dana, Status.UNKNOWN, at=cast.ago(1), reason=Reason.UNREACHABLE, source=source)

    assert dana.status == Status.STOPPED


def test_wanted_again_and_absent_it_is_disconnected(cast):
    dana = cast.an_account("dana", Status.STOPPED, wanted=Wanted.RUNNING)

    see(dana, Status.DISCONNECTED, at=cast.ago(1), reason=Reason.MISSING, source=Source.READ)

    assert dana.status == Status.DISCONNECTED


@pytest.mark.parametrize(
    "gone",
    [Status.PENDING, Status.DISCONNECTED, Status.LOGGED_OUT, Status.BLOCKED, Status.FAILED],
)
def test_what_is_gone_already_is_stopped_at_once(cast, gone):
    dana = cast.an_account("dana", gone)

    lifecycle.want(dana, Wanted.STOPPED, actor="olga")
    dana.refresh_from_db()

    assert (dana.wanted, dana.status) == (Wanted.STOPPED, Status.STOPPED)
    [transition] = dana.transitions.all()
    assert (transition.to_status, transition.actor) == ("stopped", "olga")


@pytest.mark.parametrize("word", [Status.CONNECTED, Status.QR_SCANNING, Status.UNKNOWN])
def test_what_may_still_run_keeps_its_word_until_it_is_seen_gone(cast, word):
    dana = cast.an_account("dana", word)

    lifecycle.want(dana, Wanted.STOPPED, actor="olga")
    dana.refresh_from_db()

    assert (dana.wanted, dana.status) == (Wanted.STOPPED, word)


def test_wanting_it_to_run_asks_for_a_read(cast, rung, django_capture_on_commit_callbacks):
    dana = cast.an_account("dana", Status.STOPPED, wanted=Wanted.STOPPED)

    with django_capture_on_commit_callbacks(execute=True):
        lifecycle.want(dana, Wanted.RUNNING, actor="olga")

    assert rung == [("accounts.tasks.confirm_session", (cast.gateway.pk, "dana"))]


def test_archiving_hides_it_and_deletes_nothing(cast):
    lifecycle.archive(cast.charlie, actor="olga")

    assert cast.charlie.archived_at is not None
    assert (cast.charlie.wanted, cast.charlie.session_id) == (Wanted.STOPPED, "charlie")
    assert cast.charlie not in type(cast.charlie).objects.visible()


def test_a_pending_account_that_nobody_started_loses_nothing(cast):
    dana = cast.an_account("dana", Status.PENDING)

    see(dana, Status.DISCONNECTED, at=cast.ago(1), reason=Reason.MISSING, source=Source.READ)

    assert dana.status == Status.PENDING
