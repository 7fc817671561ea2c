from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from gateways.base import Kind, Reason, State
from gateways.kinds.waha.webhooks import parse

# As the documentation prints it.
STATUS = {
    "id": "evt_01k1v1m5n4q0a5vkqk3vhh4k6e",
    "timestamp": 1764000000123,
    "event": "session.status",
    "session": "a1",
    "metadata": {"customer": "42"},
    "me": {"id": "62811801641@c.us", "pushName": "~"},
    "payload": {
        "name": "a1",
        "status": "WORKING",
        "statuses": [{"status": "STARTING", "timestamp": 1763999990000}],
        "data": None,
    },
    "engine": "WEBJS",
    "environment": {"version": "2026.7.1", "engine": "WEBJS", "tier": "CORE", "browser": None},
}


def heard(**fields):
    return parse(json.dumps(STATUS | fields).encode())


def status(word):
    return heard(payload={"name": "a1", "status": word})


def test_a_working_session_with_its_number_id_and_time():
    event = heard()

    assert (event.kind, event.state, event.session_id) == (Kind.STATE, State.CONNECTED, "a1")
    assert event.phone_number == "62811801641"
    assert event.event_id == "evt_01k1v1m5n4q0a5vkqk3vhh4k6e"
    assert event.occurred_at == datetime.fromtimestamp(1764000000.123, UTC)
    assert event.fields == {"status": "WORKING"}


@pytest.mark.parametrize(
    ("word", "state", "reason"),
    [
        ("STARTING", State.CONNECTING, Reason.LISTED),
        ("SCAN_QR_CODE", State.QR_SCANNING, Reason.LISTED),
        ("PASSKEY_REQUIRED", State.QR_SCANNING, Reason.PASSKEY_REQUIRED),
        ("FAILED", State.DISCONNECTED, Reason.SESSION_ERROR),
        ("STOPPED", State.DISCONNECTED, Reason.LISTED),
    ],
)
def test_a_status_is_a_state(word, state, reason):
    event = status(word)

    assert (event.kind, event.state, event.reason) == (Kind.STATE, state, reason)
    assert event.raw_reason == word


def test_only_a_working_session_says_whose_it_is():
    """`me` is remembered from before: the next scan may be another number's."""
    assert status("SCAN_QR_CODE").phone_number is None


def test_a_status_nobody_knows_is_a_hint():
    event = status("DREAMING")

    assert (event.kind, event.state, event.raw_reason) == (Kind.HINT, None, "DREAMING")


@pytest.mark.parametrize("me", [None, {}, {"id": None}, {"id": "1@lid"}, "nobody", [1]])
def test_an_odd_owner_costs_only_the_number(me):
    event = heard(me=me)

    assert (event.state, event.phone_number) == (State.CONNECTED, None)


@pytest.mark.parametrize("odd", [None, "", "soon", -1, 10**30, [1], True])
def test_an_odd_time_costs_only_the_time(odd):
    event = heard(timestamp=odd)

    assert (event.state, event.occurred_at) == (State.CONNECTED, None)


def test_an_id_of_10_kb_is_kept_whole():
    assert heard(id="e" * 10_000).event_id == "e" * 10_000


def test_a_message_is_life_and_nothing_of_it_is_kept():
    event = heard(event="message.any", payload={"body": "hello", "status": "x"})

    assert (event.kind, event.fields) == (Kind.LIFE, {})
    assert "hello" not in repr(event)


def test_the_documentation_s_signed_body_is_life():
    event = parse(b'{"event":"message","session":"default","engine":"WEBJS"}')

    assert (event.kind, event.session_id, event.event_id) == (Kind.LIFE, "default", None)
    assert event.occurred_at is None


def test_an_event_nobody_knows_keeps_its_id():
    event = heard(event="moon.phase", payload=[1, 2])

    assert (event.kind, event.session_id) == (Kind.UNRECOGNISED, "a1")
    assert event.event_id == STATUS["id"]
