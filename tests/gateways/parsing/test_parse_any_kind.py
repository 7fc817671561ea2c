"""What holds for the parser of every kind, whatever it is fed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.base import Event, UnreadableEvent
from gateways.registry import KINDS

parsers = pytest.mark.parametrize("parse", [dialect.parse for dialect in KINDS.values()])

NAMES = ("event", "dataType", "type", "session", "sessionId", "instance", "session_id", "data")
FIELDS = st.sampled_from([*NAMES, "status", "state", "payload", "me", "id", "timestamp", "qrcode"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4),
    max_leaves=10,
)
EVENTS = st.sampled_from(
    ["ready", "qr", "session.status", "connection.update", "status-find", "message", "qrcode"]
)


@parsers
@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"7", b"{", b'"x"', b"\xff\xfe", b"{}"])
def test_what_is_no_event_cannot_be_read(parse, body):
    with pytest.raises(UnreadableEvent) as refusal:
        parse(body)
    assert str(refusal.value).isprintable()


@parsers
@given(fields=st.dictionaries(FIELDS, VALUES, max_size=6), name=EVENTS, session=VALUES)
def test_it_is_an_event_or_unreadable_and_nothing_else(parse, fields, name, session):
    named = dict.fromkeys(("event", "dataType", "type"), name)
    called = dict.fromkeys(("session", "sessionId", "instance"), session)
    body = json.dumps(fields | named | called).encode()
    try:
        assert isinstance(parse(body), Event)
    except UnreadableEvent as refusal:
        assert str(refusal).isprintable()


@parsers
def test_a_deeply_nested_body_is_refused_or_skipped(parse):
    body = b'{"event":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    with pytest.raises(UnreadableEvent):
        parse(body)


@parsers
def test_a_half_emoji_in_a_field_that_is_not_read_changes_nothing(parse):
    names = ",".join(f'"{key}":"a1"' for key in ("session", "sessionId", "instance"))
    events = ",".join(f'"{key}":"moon.phase"' for key in ("event", "dataType", "type"))
    event = parse(f'{{{names},{events},"note":"\\ud83d"}}'.encode())

    assert event.name == "moon.phase"
