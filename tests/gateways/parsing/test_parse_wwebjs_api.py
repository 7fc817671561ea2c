from __future__ import annotations

import json

import pytest

from gateways.base import Kind, Reason, State, UnreadableEvent
from gateways.kinds.wwebjs_api.webhooks import parse
from gateways.wire.qr_images import address_of_code
from tests.gateways.kinds import captured


def heard(name, data=None, session_id="a1"):
    body = {"dataType": name, "sessionId": session_id} | ({"data": data} if data else {})
    return parse(json.dumps(body).encode())


@pytest.mark.parametrize("recording", captured.recordings("wwebjs-api"))
def test_every_recorded_webhook_has_a_meaning(recording):
    events = [parse(body) for body in captured.webhooks("wwebjs-api", recording)]

    assert events
    assert {event.kind for event in events} <= {Kind.STATE, Kind.HINT, Kind.LIFE}
    assert all(event.session_id for event in events)
    assert Reason.UNRECOGNISED not in {event.reason for event in events}


def test_no_recorded_word_of_a_message_is_kept():
    events = [parse(body) for body in captured.webhooks("wwebjs-api")]

    assert "hello" not in repr(events)
    assert "2@" not in repr(events)  # nor the text of a QR code


def test_a_code_s_text_becomes_its_picture():
    event = heard("qr", {"qr": "2@MAHa65HLeT7XRIC6,AQEBAQ="})

    assert event.state is State.QR_SCANNING
    assert event.qr_code == address_of_code("2@MAHa65HLeT7XRIC6,AQEBAQ=")


@pytest.mark.parametrize("qr", [None, "", {"a": 1}, ["2@"], "x" * 10_000])
def test_what_is_no_code_is_a_wait_for_a_scan_all_the_same(qr):
    event = heard("qr", {"qr": qr})

    assert (event.state, event.qr_code) == (State.QR_SCANNING, None)


@pytest.mark.parametrize(
    ("word", "state", "reason"),
    [
        ("LOGOUT", State.LOGGED_OUT, Reason.UNLINKED),
        ("UNPAIRED", State.LOGGED_OUT, Reason.UNLINKED),
        ("CONFLICT", State.DISCONNECTED, Reason.REPLACED),
        ("TOS_BLOCK", State.BLOCKED, Reason.TERMS_OF_SERVICE),
        ("PROXYBLOCK", State.BLOCKED, Reason.PROXY_BLOCKED),
        ("Max qrcode retries reached", State.DISCONNECTED, Reason.QR_EXPIRED),
        ("MOON_PHASE", State.DISCONNECTED, Reason.UNRECOGNISED),
    ],
)
def test_a_loss_says_why(word, state, reason):
    event = heard("disconnected", {"reason": word})

    assert (event.kind, event.state, event.reason) == (Kind.STATE, state, reason)
    assert event.raw_reason == word


def test_a_timeout_is_no_loss_yet():
    event = heard("change_state", {"state": "TIMEOUT"})

    assert (event.state, event.reason) == (State.CONNECTING, Reason.NETWORK)


def test_a_state_nobody_knows_is_a_hint():
    event = heard("change_state", {"state": "HIBERNATING"})

    assert (event.kind, event.state, event.reason) == (Kind.HINT, None, Reason.UNRECOGNISED)
    assert event.raw_reason == "HIBERNATING"


def test_an_event_nobody_knows_names_its_session():
    event = heard("moon_phase", {"phase": "full"})

    assert (event.kind, event.session_id) == (Kind.UNRECOGNISED, "a1")


def test_a_pairing_code_is_not_kept():
    assert "ABCD1234" not in repr(heard("code", {"code": "ABCD1234"}))


@pytest.mark.parametrize("session_id", ["", None])
def test_a_state_without_a_session_cannot_be_read(session_id):
    with pytest.raises(UnreadableEvent, match="sessionId is missing"):
        heard("ready", session_id=session_id)
