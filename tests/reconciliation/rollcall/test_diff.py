"""Rules that hold for one list, for any rows and any list."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from accounts.words.status import LIVE, Status
from gateways.base import Listing, Reason, Session, State
from reconciliation.rollcall.boot import Boot
from reconciliation.rollcall.diff import diff
from reconciliation.rollcall.mass_loss import LEAST
from reconciliation.rollcall.rows import Row, agrees
from reconciliation.rollcall.values import Circumstances

NOON = datetime(2025, 11, 16, 12, tzinfo=UTC)
IDS = [f"session-{number}" for number in range(12)]
NUMBERS = [str(62_811_000_000 + number) for number in range(6)]
few = settings(max_examples=40)  # each draws a whole gateway
MOMENTS = st.none() | st.integers(-200, 5).map(lambda seconds: NOON + timedelta(seconds=seconds))


@st.composite
def a_row(draw, session_id):
    return Row(
        account_id=IDS.index(session_id),
        workspace_id=draw(st.sampled_from([1, 2])),
        session_id=session_id,
        phone_number=draw(st.sampled_from(["", *NUMBERS])),
        status=draw(st.sampled_from(Status)),
        reason=draw(st.sampled_from(["", "mass_loss_unconfirmed", "loss_dismissed", "missing"])),
        last_known=draw(st.sampled_from(["", "connected", "qr_scanning"])),
        is_wanted=draw(st.booleans()),
        observed_at=draw(MOMENTS),
        unshown_since=draw(MOMENTS),
        qr_seen_at=draw(MOMENTS),
        since=draw(MOMENTS) or NOON,
    )


@st.composite
def a_session(draw, session_id):
    return Session(
        session_id=session_id,
        state=draw(st.none() | st.sampled_from(State)),
        phone_number=draw(st.none() | st.sampled_from(NUMBERS)),
        workspace_id=draw(st.none() | st.sampled_from([1, 2])),
        connected_at=draw(MOMENTS),
    )


def some(of):
    ids = st.lists(st.sampled_from(IDS), unique=True)
    return ids.flatmap(lambda chosen: st.tuples(*(of(session_id) for session_id in chosen)))


@st.composite
def a_situation(draw):
    """Draw rows of which several often vanish, a list, and the facts about the gateway."""
    rows, sessions = draw(some(a_row)), draw(some(a_session))
    at = Circumstances(
        gateway_id=1,
        started=NOON,
        now=NOON + timedelta(seconds=5),
        boot=Boot(booted_at=NOON, seen_at=draw(MOMENTS)),
        sight_since=draw(MOMENTS),
        held_since=draw(MOMENTS),
        superseded=draw(st.dictionaries(st.sampled_from(IDS), st.integers(0, 11))),
    )
    return rows, Listing(sessions=sessions, complete=draw(st.booleans())), at


@st.composite
def a_calm_situation(draw):
    """Draw a complete set of rows, most of them connected; some vanish, and most others are listed
    so."""
    _, _, at = draw(a_situation())
    seldom = st.sampled_from([True, False, False, False])
    rows = [draw(a_row(session_id)) for session_id in IDS]
    rows = [row if draw(seldom) else connected(row) for row in rows if not draw(seldom)]
    given = by_session(rows)
    sessions = [draw(a_session(session_id)) for session_id in IDS if draw(st.booleans())]
    sessions = [
        session if draw(seldom) else as_row(session, given.get(session.session_id))
        for session in sessions
    ]
    return tuple(rows), Listing(sessions=tuple(sessions), complete=True), at


def connected(row):
    return replace(
        row,
        status=Status.CONNECTED,
        reason="",
        is_wanted=True,
        observed_at=None,
        unshown_since=None,
    )


def as_row(session, row):
    number = row.phone_number or None if row else session.phone_number
    return structs.replace(session, state=State.CONNECTED, workspace_id=None, phone_number=number)


def agreeing(rows, listing, at):
    """Return the sessions that reconciliation.rollcall.rows leaves out."""
    listed = {session.session_id: session for session in listing.sessions}
    strangers = listed.keys() - by_session(rows).keys()
    numbers = {listed[session_id].phone_number for session_id in strangers} - {None}
    compared = {at.superseded[one] for one in strangers if one in at.superseded}
    return {
        row.session_id
        for row in rows
        if row == connected(row)
        and row.account_id not in compared
        and row.phone_number not in numbers
        and agrees(listed.get(row.session_id), row.workspace_id, row.phone_number or None)
    }


def by_session(rows):
    return {row.session_id: row for row in rows}


@settings(max_examples=200)
@given(a_calm_situation())
def test_what_agrees_changes_nothing_by_being_left_out(situation):
    rows, listing, at = situation
    left_out = agreeing(rows, listing, at)
    others = [row for row in rows if row.session_id not in left_out]

    assert diff(others, listing, at, left_out) == diff(rows, listing, at)


@few
@given(a_situation())
def test_absence_alone_disconnects_nobody_but_after_a_minute_of_agreement(situation):
    rows, listing, at = situation
    listed = {session.session_id for session in listing.sessions}
    agreed = at.held_since is not None and at.held_since <= NOON - timedelta(seconds=60)
    for _, seen in diff(rows, listing, at).decided:
        row = by_session(rows).get(seen.session_id)
        if row and row.session_id not in listed and seen.status is Status.DISCONNECTED:
            assert not row.is_wanted or (agreed and not at.boot.in_grace)


@few
@given(a_situation())
def test_an_incomplete_list_says_nothing_of_what_it_leaves_out(situation):
    rows, listing, at = situation
    listed = {session.session_id for session in listing.sessions}
    found = diff(rows, Listing(sessions=listing.sessions, complete=False), at)

    spoken_of = {seen.session_id for _, seen in found.decided} | {
        seen.session_id for seen in found.fresh
    }
    assert spoken_of <= listed
    assert not found.to_read and not found.held_back


@few
@given(a_situation())
def test_what_came_in_after_the_list_was_asked_for_is_left_alone(situation):
    rows, listing, at = situation
    newer = {row.session_id for row in rows if row.observed_at and at.started < row.observed_at}
    found = diff(rows, listing, at)

    assert not newer & {seen.session_id for _, seen in found.decided}
    assert not newer & {row.session_id for row in found.to_read}


@few
@given(a_situation())
def test_every_observation_is_as_old_as_the_question(situation):
    found = diff(*situation)

    assert {seen.observed_at for _, seen in found.decided} <= {NOON}
    assert {seen.observed_at for seen in found.fresh} <= {NOON}


@few
@given(a_situation())
def test_half_of_the_connected_accounts_are_never_read_one_by_one(situation):
    rows, listing, at = situation
    found = diff(rows, listing, at)
    judged = [row for row in rows if not (row.observed_at and at.started < row.observed_at)]
    connected = [row for row in judged if row.is_wanted and row.was_connected]
    vanished = [row for row in found.to_read if row.was_connected]

    assert len(vanished) < LEAST or 2 * len(vanished) < len(connected)


@few
@given(a_situation())
def test_in_a_boots_grace_nothing_absent_is_read_or_held_as_lost(situation):
    rows, listing, at = situation
    if at.boot.in_grace:
        found = diff(rows, listing, at)
        assert not found.to_read and not found.held_back


@few
@given(st.data())
def test_a_list_that_agrees_asks_for_nothing(data):
    rows = [row for row in data.draw(some(a_row)) if row.status in LIVE and row.is_wanted]
    sessions = tuple(
        Session(session_id=row.session_id, state=State(row.status), workspace_id=row.workspace_id)
        for row in rows
    )
    at = Circumstances(
        gateway_id=1, started=NOON, now=NOON + timedelta(seconds=5), boot=Boot(booted_at=None)
    )
    found = diff(rows, Listing(sessions=sessions, complete=True), at)

    assert not found.decided and not found.noted and not found.fresh and not found.to_read


# --- a page that gives no answer ------------------------------------------------------------------
def a_list_of(**said):
    unknown = {"reason": Reason.UNRECOGNISED} if said.get("answered", True) else {}
    session = Session(session_id=IDS[0], state=None, **unknown | said)
    row = Row(
        account_id=1,
        workspace_id=1,
        session_id=IDS[0],
        phone_number="",
        status=Status.CONNECTED,
        reason="",
        last_known="",
        is_wanted=True,
        observed_at=None,
        unshown_since=None,
        qr_seen_at=None,
        since=NOON,
    )
    at = Circumstances(gateway_id=1, started=NOON, now=NOON, boot=Boot(booted_at=None))
    return diff((row,), Listing(sessions=(session,), complete=True), at)


@pytest.mark.parametrize("word", ["no answer", "not asked", "says that it has no answer"])
def test_a_word_of_the_gateways_own_is_no_silence(word):
    found = a_list_of(raw_state=word)

    assert not found.unanswered
    assert [one.why for one in found.noted] == [
        f"the gateway says {word!r}, which Rollcall does not know"
    ]


@pytest.mark.parametrize("word", ["no answer", "", "CONNECTED, but its page hangs"])
@pytest.mark.parametrize("asked", [True, False])
def test_a_page_that_gives_no_answer_is_a_failed_probe_however_it_is_worded(word, asked):
    found = a_list_of(raw_state=word, asked=asked, answered=False)

    assert found.unanswered == ({1} if asked else set())
    assert [one.held for one in found.noted] == [True]
