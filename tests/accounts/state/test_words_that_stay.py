"""Unlinked, blocked and failed say why a session is gone; a plain "disconnected" says less."""

from __future__ import annotations

import pytest

from accounts.operators import lifecycle
from accounts.state.observations import Verdict
from accounts.words.status import STICKY, Source, Status, Wanted
from gateways.base import Reason
from tests.cast import see, story


@pytest.mark.parametrize("word", sorted(STICKY))
@pytest.mark.parametrize("source", [Source.WEBHOOK, Source.LIST, Source.READ, Source.CLAIM])
def test_a_machine_that_says_disconnected_does_not_end_it(cast, word, source):
    dana = cast.an_account("dana", word, status_reason=Reason.UNLINKED)

    outcome = see(dana, Status.DISCONNECTED, at=cast.ago(1), reason=Reason.MISSING, source=source)

    assert outcome.verdict is Verdict.REFRESHED
    assert (dana.status, dana.status_reason) == (word, Reason.UNLINKED)
    assert dana.observed_at == cast.ago(1)


@pytest.mark.parametrize("word", sorted(STICKY))
@pytest.mark.parametrize("seen", [Status.CONNECTING, Status.QR_SCANNING, Status.CONNECTED])
def test_a_live_word_ends_it(cast, word, seen):
    dana = cast.an_account("dana", word)

    see(dana, seen, at=cast.ago(1))

    assert dana.status == seen


@pytest.mark.parametrize("word", sorted(STICKY))
def test_a_person_ends_it(cast, word):
    dana = cast.an_account("dana", word)

    lifecycle.mark_disconnected(dana, why="the phone is lost", actor="olga")
    dana.refresh_from_db()

    assert (dana.status, dana.status_reason) == (Status.DISCONNECTED, Reason.OPERATOR)
    assert dana.status_raw == "the phone is lost"
    [transition] = dana.transitions.all()
    assert (transition.actor, transition.source) == ("olga", Source.OPERATOR)


@pytest.mark.parametrize("word", sorted(STICKY))
def test_it_gives_way_to_stopped_once_people_want_it_stopped(cast, word):
    dana = cast.an_account("dana", word, wanted=Wanted.STOPPED)

    see(dana, Status.DISCONNECTED, at=cast.ago(1), reason=Reason.MISSING, source=Source.READ)

    assert dana.status == Status.STOPPED


def test_another_sticky_word_replaces_it(cast):
    see(cast.charlie, Status.BLOCKED, at=cast.ago(1), reason=Reason.TERMS_OF_SERVICE)

    assert story(cast.charlie) == [("logged_out", "blocked")]


@pytest.mark.parametrize("reason", [Reason.NONE, Reason.LISTED, Reason.SESSION_ERROR])
def test_a_session_whose_code_nobody_scanned_waits_for_a_human_still(cast, reason):
    """WAHA reports only FAILED for it."""
    dana = cast.an_account("dana", Status.DISCONNECTED)
    see(dana, Status.QR_SCANNING, at=cast.ago(5), source=Source.WEBHOOK)

    see(dana, Status.DISCONNECTED, at=cast.ago(1), reason=reason, source=Source.WEBHOOK)

    assert (dana.status, dana.status_reason) == (Status.DISCONNECTED, Reason.QR_EXPIRED)


def test_one_that_never_showed_a_code_is_lost_like_any_other(cast):
    """The Node service lists a session so while it starts, its login kept."""
    dana = cast.an_account("dana", Status.DISCONNECTED, qr_seen_at=cast.ago(5000))
    see(dana, Status.QR_SCANNING, at=cast.ago(5), source=Source.LIST)

    see(dana, Status.DISCONNECTED, at=cast.ago(1), reason=Reason.NONE, source=Source.WEBHOOK)

    assert (dana.status, dana.status_reason) == (Status.DISCONNECTED, Reason.NONE)
