from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from gateways.base import Kind, Reason, State, UnreadableEvent
from gateways.kinds.standard.webhooks import parse
from gateways.kinds.standard.words import REASONS


def heard(name="session.status", **data):
    body = {
        "type": name,
        "timestamp": "2026-11-24T12:00:00+01:00",
        "data": {"session_id": "a"} | data,
    }
    return parse(json.dumps(body).encode())


@pytest.mark.parametrize("state", list(State))
def test_it_speaks_our_own_words(state):
    event = heard(status=state.value)

    assert (event.kind, event.state, event.session_id) == (Kind.STATE, state, "a")


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_it_may_give_a_reason_of_ours(reason):
    assert heard(status="disconnected", reason=reason).reason is Reason(reason)


@pytest.mark.parametrize("reason", ["unreachable", "operator", "as_wanted", "the moon"])
def test_a_reason_that_is_not_its_to_give_is_shown_raw(reason):
    event = heard(status="disconnected", reason=reason)

    assert (event.reason, event.raw_reason) == (Reason.UNRECOGNISED, reason)


def test_it_says_when_whose_and_for_whom():
    event = heard(status="connected", phone_number="+62 811-801-641", workspace_id=7)

    assert event.occurred_at == datetime(2026, 11, 24, 11, tzinfo=UTC)
    assert (event.phone_number, event.workspace_id) == ("62811801641", 7)


def test_a_status_nobody_knows_is_a_hint():
    event = heard(status="dreaming")

    assert (event.kind, event.state) == (Kind.HINT, None)
    assert (event.reason, event.raw_reason) == (Reason.UNRECOGNISED, "dreaming")


def test_a_message_is_life():
    assert heard("message.received", text="hello").kind is Kind.LIFE


def test_a_ping_needs_no_session():
    assert parse(b'{"type": "ping"}').kind is Kind.CANARY


def test_a_type_nobody_knows_is_recorded():
    assert heard("invoice.paid").kind is Kind.UNRECOGNISED


def test_a_status_of_nobody_cannot_be_read():
    with pytest.raises(UnreadableEvent, match=r"data\.session_id is missing"):
        parse(b'{"type": "session.status", "data": {"status": "connected"}}')
