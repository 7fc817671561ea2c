from __future__ import annotations

import json

import pytest

from gateways.base import Kind, Reason, State, UnreadableEvent
from gateways.kinds.wppconnect.webhooks import parse
from tests.gateways.kinds import captured


def heard(name, **fields):
    return parse(json.dumps({"event": name, "session": "s1"} | fields).encode())


def test_every_recorded_webhook_has_a_meaning():
    events = [parse(body) for body in captured.webhooks("wppconnect-server")]

    assert len(events) == 62
    assert {event.kind for event in events} <= {Kind.STATE, Kind.HINT}
    assert Reason.UNRECOGNISED not in {event.reason for event in events}


def test_every_recorded_qr_code_is_a_picture_to_show():
    events = [parse(body) for body in captured.webhooks("wppconnect-server")]
    codes = [event.qr_code for event in events if event.name == "qrcode"]

    assert len(codes) == 11
    assert all(code.startswith("data:image/png;base64,iVBORw0KGgo") for code in codes)


def test_what_names_no_session_is_a_hint_about_nobody():
    """Recorded seven times, each after a close."""
    events = [parse(body) for body in captured.webhooks("wppconnect-server")]
    about_nobody = [event for event in events if event.session_id is None]

    assert [(event.kind, event.state) for event in about_nobody] == [(Kind.HINT, None)] * 7
    assert {event.raw_reason for event in about_nobody} == {"isLogged"}


@pytest.mark.parametrize(
    ("word", "state", "reason"),
    [
        ("notLogged", State.QR_SCANNING, Reason.NONE),
        ("qrReadSuccess", State.CONNECTING, Reason.AUTHENTICATED),
        ("inChat", State.CONNECTED, Reason.NONE),
        ("browserClose", State.DISCONNECTED, Reason.BROWSER_GONE),
        ("autocloseCalled", State.DISCONNECTED, Reason.QR_EXPIRED),
        ("disconnectedMobile", State.LOGGED_OUT, Reason.UNLINKED),
        ("serverClose", State.DISCONNECTED, Reason.NETWORK),
    ],
)
def test_what_it_finds_is_a_state(word, state, reason):
    event = heard("status-find", status=word)

    assert (event.kind, event.state, event.reason) == (Kind.STATE, state, reason)


@pytest.mark.parametrize("word", ["qrReadError", "moonPhase", "", 7, None])
def test_what_says_nothing_certain_is_a_hint(word):
    event = heard("status-find", status=word)

    assert (event.kind, event.state) == (Kind.HINT, None)


def test_a_message_is_life_and_nothing_of_it_is_kept():
    event = heard("onmessage", body="hello", **{"from": "15550100002@c.us"})

    assert event.kind is Kind.LIFE
    assert "hello" not in repr(event)


def test_an_event_nobody_knows_names_its_session():
    event = heard("onmoonphase")

    assert (event.kind, event.session_id) == (Kind.UNRECOGNISED, "s1")


def test_a_phone_code_is_not_kept():
    assert "ABCD1234" not in repr(heard("phoneCode", phoneCode="ABCD1234", phone="62811801641"))


def test_no_event_cannot_be_read():
    with pytest.raises(UnreadableEvent, match="event is missing"):
        parse(b'{"session": "s1"}')
