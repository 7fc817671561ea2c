"""Result of one probe: three failures over half a minute mean unresponsive, without another sign of
life."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from accounts.words.status import Status
from gateways.base import Probe, Pulse, Reason, Session, State
from reconciliation.probes.verdict import FAILING_FOR, Suspicion, judge

NOON = datetime(2025, 11, 16, 12, tzinfo=UTC)
MUTE = Probe(pulse=Pulse.NO_ANSWER, reason=Reason.HUNG)
ALIVE = Probe(pulse=Pulse.ALIVE)
CONNECTED = Suspicion(status=Status.CONNECTED, reason="")


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def failing(failures: int, since: datetime, **fields) -> Suspicion:
    given = {"status": Status.CONNECTED, "reason": ""}
    return Suspicion(failures=failures, failing_since=since, **given | fields)


def judged(before: Suspicion, probe: Probe, *, at: float = 0):
    return judge(before, probe, asked_at=after(at), now=after(at + 1))


@given(
    st.lists(st.tuples(st.integers(0, 60), st.sampled_from([*Pulse]), st.booleans()), max_size=12)
)
def test_nobody_is_condemned_but_by_three_in_a_row_over_half_a_minute(probes):
    """`speaks`: a message arrives between two probes."""
    before, at, row = CONNECTED, 0, []
    for wait, pulse, speaks in probes:
        at += wait
        found = judged(before, Probe(pulse=pulse), at=at)
        row = [*row, at] if pulse is Pulse.NO_ANSWER else []
        if found.status is Status.UNRESPONSIVE:
            assert len(row) >= 3
            assert timedelta(seconds=row[-1] + 1 - row[0]) >= FAILING_FOR
        spoke_at = before.spoke_at
        if speaks:
            row, spoke_at = [], after(at)
        before = failing(found.failures, found.failing_since, spoke_at=spoke_at)


def test_three_over_half_a_minute_are_enough():
    found = judged(failing(2, NOON), MUTE, at=30)

    assert (found.status, found.reason) == (Status.UNRESPONSIVE, Reason.HUNG)


def test_the_reason_is_the_last_answers():
    deaf = Probe(pulse=Pulse.NO_ANSWER, reason=Reason.DEAF)

    assert judged(failing(2, NOON), deaf, at=30).reason is Reason.DEAF


def test_a_message_meanwhile_begins_the_count_anew():
    found = judged(failing(2, NOON, spoke_at=after(20)), MUTE, at=30)

    assert (found.status, found.failures, found.failing_since) == (None, 1, after(30))


def test_a_definite_answer_needs_no_second_one():
    found = judged(CONNECTED, Probe(pulse=Pulse.GONE))

    assert (found.status, found.reason) == (Status.DISCONNECTED, Reason.BROWSER_GONE)


def test_an_answer_of_a_connected_one_is_proof_and_nothing_to_observe():
    found = judged(CONNECTED, ALIVE)

    assert (found.status, found.is_proof) == (None, True)


def test_an_answer_brings_back_what_was_disproved():
    gone = Suspicion(
        status=Status.DISCONNECTED, reason=Reason.BROWSER_GONE, is_disproved=True, failures=3
    )
    found = judged(gone, ALIVE)

    assert (found.status, found.failures) == (Status.CONNECTED, 0)


def test_an_answer_does_not_say_who_is_logged_in():
    logged_out = Suspicion(status=Status.LOGGED_OUT, reason=Reason.UNLINKED)

    assert judged(logged_out, ALIVE).status is None


def test_an_answer_that_says_nothing_of_the_page_ends_the_suspicion_only():
    found = judged(failing(2, NOON), Probe(pulse=Pulse.UNCLEAR, raw="503 busy"), at=30)

    assert (found.status, found.failures, found.is_proof) == (None, 0, False)


def test_what_the_page_shows_beside_it_is_told():
    waiting = Session(session_id="a", state=State.QR_SCANNING)
    hung = failing(9, NOON, status=Status.UNRESPONSIVE, is_disproved=True)

    found = judged(hung, Probe(pulse=Pulse.UNCLEAR, session=waiting), at=600)

    assert (found.status, found.is_proof) == (Status.QR_SCANNING, False)


def test_one_that_is_known_to_hang_is_not_told_again():
    known = failing(5, NOON, status=Status.UNRESPONSIVE)
    found = judged(
        Suspicion(status=known.status, reason=Reason.HUNG, failures=5, failing_since=NOON),
        MUTE,
        at=300,
    )

    assert (found.status, found.failures) == (None, 6)
