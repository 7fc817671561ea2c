"""Unreachable is not lost: `unknown` keeps the last status and moves no clock of observation."""

from __future__ import annotations

import pytest

from accounts.state.observations import Verdict
from accounts.words.status import LIVE, Source, Status
from gateways.base import Reason
from tests.cast import see, story

KEEPING = sorted(set(Status) - LIVE - {Status.UNKNOWN})


def lose_sight(account, at, reason=Reason.MASS_LOSS_UNCONFIRMED):
    return see(account, Status.UNKNOWN, at=at, reason=reason, source=Source.LIST)


@pytest.mark.parametrize("word", sorted(LIVE))
def test_it_keeps_the_last_known_word(cast, word):
    dana = cast.an_account("dana", word)

    lose_sight(dana, cast.ago(1))

    assert (dana.status, dana.last_known_status) == (Status.UNKNOWN, word)
    assert dana.status_reason == Reason.MASS_LOSS_UNCONFIRMED
    assert dana.status_since == cast.ago(1)


def test_it_moves_no_clock_so_that_a_list_that_began_earlier_still_applies(cast):
    lose_sight(cast.alice, cast.ago(1))
    assert (cast.alice.observed_at, cast.alice.read_at) == (cast.ago(10), cast.ago(10))

    outcome = see(cast.alice, Status.CONNECTED, at=cast.ago(3), source=Source.LIST)

    assert outcome.verdict is Verdict.APPLIED
    assert cast.alice.status == Status.CONNECTED
    assert cast.alice.last_known_status == ""


def test_it_keeps_the_last_known_word_when_only_the_reason_changes(cast):
    lose_sight(cast.alice, cast.ago(3), Reason.UNREACHABLE)

    outcome = lose_sight(cast.alice, cast.ago(1))

    assert outcome.verdict is Verdict.REFRESHED
    assert cast.alice.status_reason == Reason.MASS_LOSS_UNCONFIRMED
    assert cast.alice.last_known_status == Status.CONNECTED
    assert cast.alice.status_since == cast.ago(3)
    assert story(cast.alice) == [("connected", "unknown"), ("unknown", "unknown")]


@pytest.mark.parametrize("word", KEEPING)
def test_words_that_keep_are_not_touched(cast, word):
    dana = cast.an_account("dana", word)

    assert lose_sight(dana, cast.ago(1)).verdict is Verdict.STILL_FRESH
    assert dana.status == word


def test_a_look_that_began_before_the_last_one_blinds_nobody(cast):
    assert lose_sight(cast.alice, cast.ago(11)).verdict is Verdict.STILL_FRESH
    assert cast.alice.status == Status.CONNECTED


def test_a_definite_word_ends_it(cast):
    lose_sight(cast.alice, cast.ago(3))

    see(cast.alice, Status.DISCONNECTED, at=cast.ago(1), reason=Reason.MISSING, source=Source.READ)

    assert story(cast.alice) == [("connected", "unknown"), ("unknown", "disconnected")]
    assert cast.alice.last_known_status == ""
