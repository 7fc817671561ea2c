"""Bodies nobody should send: always an Event or an UnreadableEvent, never a crash, never a copy of
the media, and nothing that PostgreSQL, a log or a terminal could choke on."""

from __future__ import annotations

import json
import tracemalloc
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateways.base import Event, Kind, State, UnreadableEvent
from gateways.kinds.webjs import webhooks
from gateways.kinds.webjs.words import EVENTS

MEGABYTE = 1024 * 1024
DEEP = 100_000


def session_disconnected(**data):
    return {"event": "session_disconnected", "data": {"workspace_id": 1, "session_id": "s"} | data}


def parse(body):
    return webhooks.parse(json.dumps(body).encode())


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"\0",
        b"{",
        b'{"event":"session_ready"',
        b"null",
        b"[]",
        b'"session_ready"',
        b"5",
        b"event=session_ready",
        b"<html></html>",
        b'{"event":"session_ready"} trailing',
        b'\xef\xbb\xbf{"event":"session_ready"}',
        '{"event":"session_ready"}'.encode("utf-16"),
        b'{"event":"session_ready\xff","data":{"session_id":"s"}}',
        b'{"event":"session_ready","data":{"session_id":"s","x":"\xc3"}}',
        b'{"event":"message_received","data":{"session_id":"s","message":{"body":"\xed\xa0\x80"}}}',
        b'{"event":NaN}',
        b'{"event":"session_ready","data":{"session_id":"\\q"}}',
        b'{"event":"\\ud800',
    ],
)
def test_what_is_no_json_object_in_utf8_is_unreadable(raw):
    with pytest.raises(UnreadableEvent) as error:
        webhooks.parse(raw)

    assert str(error.value)


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * DEEP,
        b'{"event":' + b"[" * DEEP + b"]" * DEEP + b"}",
        b'{"event":"x","data":' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}",
        b'{"event":"message_received","data":{"session_id":"s","message":'
        + b"[" * DEEP
        + b"]" * DEEP
        + b"}}",
        b'{"event":"session_ready","data":{"session_id":' + b"[" * DEEP + b"]" * DEEP + b"}}",
        b'{"event":"session_ready","data":{"session_id":"\\ud800","x":' + b"[" * DEEP,
    ],
)
def test_deep_nesting_is_unreadable(raw):
    with pytest.raises(UnreadableEvent):
        webhooks.parse(raw)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("a\0b", r"a\u0000b"),
        ("\x1b[31mred", r"\u001b[31mred"),
        ("evil\u202etxt", r"evil\u202etxt"),
        ("two\nlines", r"two\u000alines"),
        ("zero\u200bwidth", r"zero\u200bwidth"),
        ("\u2028", r"\u2028"),
        ("\U000e0041", r"\U000e0041"),
        ("Grüße 😀", "Grüße 😀"),
    ],
)
def test_invisible_characters_are_spelled_out(given, shown):
    event = parse(session_disconnected(session_id=f"id{given}", reason=f"why{given}"))

    assert (event.session_id, event.raw_reason) == (f"id{shown}", f"why{shown}")
    assert event.fields["reason"] == f"why{shown}"


def test_a_lone_surrogate_is_spelled_out_and_a_pair_is_an_emoji():
    event = webhooks.parse(
        b'{"event":"session_disconnected","data":{"session_id":"s\\ud83d",'
        b'"reason":"\\ud83d\\ude00 \\ud83d \\\\ud83d \\ude00"}}'
    )

    assert event.session_id == r"s\ud83d"
    assert event.raw_reason == r"😀 \ud83d \ud83d \ude00"


def test_a_message_cut_inside_an_emoji_is_still_evidence_of_life():
    event = webhooks.parse(
        b'{"event":"message_received","data":{"session_id":"s","message":{"body":"\\ud83d"}}}'
    )

    assert (event.kind, event.session_id) == (Kind.LIFE, "s")


@pytest.mark.parametrize("filler", [b"A", b"\\n", b"\\ud83d\\ude00"])
@pytest.mark.parametrize("tail", [b"", b"\\ud83d"], ids=["", "with a lone surrogate"])
def test_a_large_message_is_read_without_a_copy_of_its_media(filler, tail):
    media = filler * (20 * MEGABYTE // len(filler))
    raw = (
        b'{"event":"message_received","data":{"session_id":"s","message":{"body":"'
        + tail
        + b'","media":{"data":"'
        + media
        + b'"}}}}'
    )
    tracemalloc.start()
    event = webhooks.parse(raw)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert (event.kind, event.session_id) == (Kind.LIFE, "s")
    assert peak < 4 * MEGABYTE


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_bytes_like_body_is_read(kind):
    raw = kind(json.dumps(session_disconnected(reason="LOGOUT")).encode())

    assert webhooks.parse(raw).state is State.LOGGED_OUT


@pytest.mark.parametrize("value", [1e999, -1e999, 2**70, [1], {"a": 1}, "x" * 70_000])
def test_a_field_the_database_could_not_take_is_left_out(value):
    body = {"event": "session_ready", "data": {"session_id": "s", "platform": value}}
    raw = json.dumps(body).replace("Infinity", "1e999").encode()

    assert "platform" not in webhooks.parse(raw).fields


def test_a_number_of_ten_thousand_digits_is_unreadable():
    raw = b'{"event":"session_ready","data":{"session_id":' + b"1" * 10_000 + b"}}"

    with pytest.raises(UnreadableEvent):
        webhooks.parse(raw)


def is_storable(value):
    if isinstance(value, str):
        value.encode()
        return len(value) <= 255 and not any(
            unicodedata.category(one) in ("Cc", "Cf", "Cs") for one in value
        )
    return value is None or json.dumps(value, allow_nan=False)


def assert_event_or_unreadable(raw):
    try:
        event = webhooks.parse(raw)
    except UnreadableEvent as error:
        assert str(error).isprintable()
        return
    assert isinstance(event, Event)
    assert all(map(is_storable, [event.name, event.session_id, event.raw_reason]))
    assert all(map(is_storable, event.fields.values()))
    assert event.workspace_id is None or 0 <= event.workspace_id < 2**63
    assert event.kind is not Kind.STATE or (event.session_id and event.state)


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=300),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3)
    ),
    max_leaves=8,
)
names = st.sampled_from(sorted(EVENTS)) | st.text(max_size=120)
fields = st.sampled_from(
    [
        "session_id",
        "workspace_id",
        "phone_number",
        "status",
        "reason",
        "qr_code",
        "expires_in",
        "error",
        "message",
        "timestamp",
    ]
)
likely = st.sampled_from(["s", 1, "1", "connected", "LOGOUT", "62811801641", None, "\ud800", "\0"])
data = st.dictionaries(fields, likely | anything, max_size=6)
bodies = st.fixed_dictionaries(
    {"event": names | anything}, optional={"data": data | anything, "session_id": likely | anything}
)


@settings(max_examples=400, deadline=None)
@given(bodies, st.booleans())
def test_any_json_is_an_event_or_unreadable(body, in_ascii):
    text = json.dumps(body, ensure_ascii=in_ascii)
    assert_event_or_unreadable(text.encode(errors="surrogatepass"))


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_an_event_or_unreadable(raw):
    assert_event_or_unreadable(raw)


@settings(max_examples=200, deadline=None)
@given(bodies, st.data())
def test_any_damaged_json_is_an_event_or_unreadable(body, source):
    raw = bytearray(json.dumps(body).encode())
    position = source.draw(st.integers(0, len(raw) - 1))
    raw[position] = source.draw(st.integers(0, 255))
    assert_event_or_unreadable(bytes(raw[: source.draw(st.integers(position, len(raw)))]))
