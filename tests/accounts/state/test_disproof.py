"""A probe found nothing behind a "connected", and the gateway still claims it: believed again only
when something has changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts import tasks
from accounts.state.activity import SignOfLife, record_life
from accounts.state.decision import Known, judge
from accounts.state.observations import Observation
from accounts.words.status import Source, Status, Wanted
from gateways.base import Reason
from tests.cast import see, see_session, story

NOON = datetime(2025, 11, 16, 12, tzinfo=UTC)
LIVES = timedelta(seconds=45)
FOUND = st.sampled_from(
    [
        (Status.DISCONNECTED, Reason.BROWSER_GONE),
        (Status.UNRESPONSIVE, Reason.HUNG),
        (Status.UNRESPONSIVE, Reason.DEAF),
    ]
)
SEEN = [status for status in Status if status not in (Status.PENDING, Status.STOPPED)]
HEARSAY = st.sampled_from(
    [(Source.LIST, True), (Source.READ, True), (Source.WEBHOOK, False), (Source.CLAIM, False)]
)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def a_known() -> Known:
    """Return an account that has long been connected, last confirmed a minute ago."""
    return Known(
        account_id=1,
        workspace_id=1,
        gateway_id=1,
        session_id="alice",
        phone_number="62811801641",
        wanted=Wanted.RUNNING,
        status=Status.CONNECTED,
        reason="",
        raw="",
        scanned_number="",
        since=after(-3600),
        last_known="",
        observed_at=after(-60),
        webhook_at=None,
        read_at=after(-60),
        unshown_since=None,
        listed_at=after(-1),
        lists_qr_early=True,
        connected_at=after(-3600),
        last_connected_at=after(-60),
        lost_at=None,
        proven_at=None,
        last_proof_at=None,
        disproved_at=None,
        probe_failures=0,
        probe_failing_since=None,
        qr_seen_at=None,
        merged_into=None,
        archived_at=None,
    )


def said(status: Status | None, at: datetime, source: Source, **fields) -> Observation:
    given = {"gateway_id": 1, "session_id": "alice", "observed_at": at, "source": source}
    return Observation(status=status, **given | fields)


def judged(known: Known, *seen: Observation) -> Known:
    for one in seen:
        _, known = judge(known, one, now=one.observed_at, expires_after=LIVES)
    return known


def disproved(found: tuple[Status, Reason]) -> Known:
    status, reason = found
    login = after(-3600)
    return judged(a_known(), said(status, NOON, Source.PROBE, reason=reason, connected_at=login))


@given(FOUND, st.lists(HEARSAY, min_size=1, max_size=5))
def test_no_repeated_claim_brings_it_back(found, claims):
    known = disproved(found)

    for number, (source, is_cached) in enumerate(claims, start=1):
        claim = said(Status.CONNECTED, after(number), source, is_cached=is_cached)
        known = judged(known, replace(claim, connected_at=after(-3600)))

    assert (known.status, known.reason) == found
    assert known.disproved_at == NOON


@given(FOUND, HEARSAY, st.integers(-7200, 7200))
def test_a_new_login_is_believed_at_once_whatever_the_gateways_clock_says(found, said_by, skew):
    """The gateway gives both moments, so its clock may be hours off ours."""
    source, is_cached = said_by
    shift = timedelta(seconds=skew)
    known = judged(
        a_known(),
        said(found[0], NOON, Source.PROBE, reason=found[1], connected_at=after(-3600) + shift),
    )
    claim = said(Status.CONNECTED, after(9), source, is_cached=is_cached)
    back = judged(known, replace(claim, connected_at=after(5) + shift))

    assert (back.status, back.disproved_at) == (Status.CONNECTED, None)


@given(FOUND, st.integers(1, 3600))
def test_without_a_known_login_one_after_the_disproof_is_believed(found, seconds):
    known = judged(a_known(), said(found[0], NOON, Source.PROBE, reason=found[1]))
    claim = said(Status.CONNECTED, after(seconds), Source.READ, is_cached=True)

    old = judged(known, replace(claim, connected_at=after(-seconds)))
    new = judged(known, replace(claim, connected_at=after(seconds)))

    assert old.status is found[0]
    assert new.status is Status.CONNECTED


@given(FOUND, HEARSAY)
def test_traffic_since_proves_the_claim(found, said_by):
    source, is_cached = said_by
    spoken = replace(disproved(found), proven_at=after(3))

    back = judged(spoken, said(Status.CONNECTED, after(5), source, is_cached=is_cached))

    assert back.status is Status.CONNECTED


@given(FOUND)
def test_a_live_answer_is_believed(found):
    known = disproved(found)

    assert judged(known, said(Status.CONNECTED, after(5), Source.PROBE)).status == Status.CONNECTED
    assert judged(known, said(Status.CONNECTED, after(5), Source.READ)).status == Status.CONNECTED


@given(FOUND, st.sampled_from([Status.CONNECTING, Status.QR_SCANNING]))
def test_a_claim_after_another_word_is_a_new_one(found, word):
    known = judged(disproved(found), said(word, after(5), Source.LIST, is_cached=True))

    assert known.status is word
    back = judged(known, said(Status.CONNECTED, after(9), Source.LIST, is_cached=True))
    assert back.status is Status.CONNECTED


@given(FOUND, st.sampled_from([Status.CONNECTING, Status.QR_SCANNING]))
def test_a_late_webhook_opens_no_way_back_for_the_old_claim(found, word):
    """A late retry looks fresh; the read that follows shows that nothing has changed."""
    known = judged(disproved(found), said(word, after(5), Source.WEBHOOK))

    after_read = judged(
        known,
        said(Status.CONNECTED, after(6), Source.READ, is_cached=True, connected_at=after(-3600)),
    )

    assert after_read.status in (Status.DISCONNECTED, Status.UNRESPONSIVE)


def test_an_unresponsive_one_still_expires_and_comes_back_as_what_it_was():
    known = disproved((Status.UNRESPONSIVE, Reason.HUNG))
    blind = said(Status.UNKNOWN, after(60), Source.SWEEP, reason=Reason.UNREACHABLE)
    expired = judged(known, blind)
    assert expired.status is Status.UNKNOWN

    claim = said(Status.CONNECTED, after(80), Source.LIST, is_cached=True)
    back = judged(expired, replace(claim, connected_at=after(-3600)))

    assert (back.status, back.reason) == (Status.UNRESPONSIVE, Reason.HUNG)


HEARD = st.tuples(st.sampled_from(SEEN), st.sampled_from([Source.WEBHOOK, Source.CLAIM]))
SHOWN = st.tuples(st.just(Status.CONNECTED), st.sampled_from([Source.LIST, Source.READ]))


@given(st.lists(st.tuples(HEARD | SHOWN, st.integers(1, 60)), max_size=8))
def test_whatever_is_claimed_nothing_but_news_makes_it_connected(words):
    """The old claim never counts until our own read has shown another status."""
    known = disproved((Status.DISCONNECTED, Reason.BROWSER_GONE))
    for (status, source), seconds in sorted(words, key=lambda one: one[1]):
        seen = said(status, after(seconds), source, is_cached=True, reason=Reason.LISTED)
        known = judged(known, replace(seen, connected_at=after(-3600)))
        assert known.status is not Status.CONNECTED


# --- and in the rows ----------------------------------------------------------------------------
@pytest.fixture
def found_gone(cast):
    see(
        cast.alice,
        Status.DISCONNECTED,
        at=cast.ago(5),
        source=Source.PROBE,
        reason=Reason.BROWSER_GONE,
        connected_at=cast.ago(600),
    )
    return cast.alice


def test_the_row_keeps_since_when_it_is_disproved(cast, found_gone):
    assert found_gone.disproved_at == cast.ago(5)
    assert found_gone.connected_at == cast.ago(600)


def test_a_webhook_that_is_not_believed_asks_for_the_read(
    cast, found_gone, monkeypatch, django_capture_on_commit_callbacks
):
    asked = []
    monkeypatch.setattr(tasks.targeted_read, "confirm", lambda *session: asked.append(session))

    with django_capture_on_commit_callbacks(execute=True):
        see(found_gone, Status.CONNECTED, at=cast.ago(1))

    assert found_gone.status == Status.DISCONNECTED
    assert asked == [(cast.gateway.pk, "alice")]
    assert story(found_gone) == [("connected", "disconnected")]


def test_a_message_since_makes_the_next_claim_true(cast, found_gone):
    [gateway_id, session_id] = [found_gone.gateway_id, found_gone.session_id]
    record_life(
        [
            SignOfLife(
                gateway_id=gateway_id,
                session_id=session_id,
                seen_at=cast.ago(3),
                is_proof=True,
                what="message",
            )
        ]
    )

    see(found_gone, Status.CONNECTED, at=cast.ago(1), source=Source.LIST, is_cached=True)

    assert (found_gone.status, found_gone.disproved_at) == (Status.CONNECTED, None)


def test_another_session_starts_with_a_clean_slate(cast, found_gone):
    see_session(
        cast.gateway,
        "alice-2",
        Status.CONNECTED,
        at=cast.ago(1),
        phone_number=found_gone.phone_number,
        source=Source.LIST,
        is_cached=True,
    )
    found_gone.refresh_from_db()

    assert (found_gone.session_id, found_gone.status) == ("alice-2", Status.CONNECTED)
    assert found_gone.disproved_at is None
