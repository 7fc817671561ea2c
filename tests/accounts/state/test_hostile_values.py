"""Values that a column rejects must not cost the rest of a batch."""

from __future__ import annotations

import pytest

from accounts.models import Transition
from accounts.state.observations import Verdict
from accounts.state.observe import observe
from accounts.words.status import Source, Status
from gateways.base import Reason
from tests.cast import saw, saw_session, see

LONGEST = "s" * 255
HOSTILE = [
    "s" * 256,
    "s" * 100_000,
    "a\x00b",
    "\ud800",
    "\u202eevil\x1b[31m",
    "🦄" * 300,
    " ",
    "'\";--",
]


@pytest.mark.parametrize("session_id", HOSTILE)
def test_a_strange_session_is_nobodys_and_costs_nothing_else(cast, session_id):
    strange = saw_session(
        cast.gateway, session_id, Status.CONNECTED, at=cast.ago(1), phone_number=None
    )
    gone = saw(cast.alice, Status.DISCONNECTED, at=cast.ago(1))

    verdicts = [outcome.verdict for outcome in observe([strange, gone])]

    assert verdicts == [Verdict.UNKNOWN_SESSION, Verdict.APPLIED]


@pytest.mark.parametrize("session_id", [LONGEST, "🦄" * 255, "wäbjs_1_ü", "'\";--", "%s"])
def test_a_session_id_may_have_255_characters_of_any_script(cast, session_id):
    outcome = see_takeover(cast, session_id)
    cast.alice.refresh_from_db()

    assert (outcome.verdict, cast.alice.session_id) == (Verdict.TAKEN_OVER, session_id)


@pytest.mark.parametrize("session_id", ["s" * 256, "a\x00b", "\ud800"])
def test_an_account_is_not_put_on_a_session_that_cannot_be_written(cast, session_id):
    outcome = see_takeover(cast, session_id)
    cast.alice.refresh_from_db()

    assert (outcome.verdict, cast.alice.session_id) == (Verdict.UNKNOWN_SESSION, "alice")


def see_takeover(cast, session_id):
    scan = {"at": cast.ago(1), "phone_number": cast.alice.phone_number, "source": Source.LIST}
    [outcome] = observe([saw_session(cast.gateway, session_id, Status.CONNECTED, **scan)])
    return outcome


@pytest.mark.parametrize("words", ["x" * 5_000, "a\x00b\x1b[31m", "\ud83d", "🦄" * 300])
def test_long_and_unprintable_words_are_kept_as_far_as_they_fit(cast, words):
    see(
        cast.alice,
        Status.DISCONNECTED,
        at=cast.ago(1),
        reason=Reason.UNRECOGNISED,
        raw=words,
        actor=words,
        evidence=words,
    )

    assert cast.alice.status == Status.DISCONNECTED
    assert 0 < len(cast.alice.status_raw) <= 200
    assert cast.alice.status_raw.isprintable()
    assert Transition.objects.get().raw == cast.alice.status_raw


@pytest.mark.parametrize("number", ["1" * 16, "1" * 10_000, "", "62-811", "a\x00b"])
def test_what_is_no_number_does_not_become_one(cast, number):
    see(cast.bob, Status.CONNECTED, at=cast.ago(1), phone_number=number)

    assert (cast.bob.status, cast.bob.phone_number) == (Status.CONNECTED, None)
