"""What each webhook of the Node service means, in all the shapes it is sent in."""

from __future__ import annotations

import json

import pytest

from gateways.base import Kind, Reason, State, UnreadableEvent
from gateways.kinds.webjs import webhooks
from gateways.kinds.webjs.words import EVENTS, LOSSES, MESSAGE_LIKE, STATES
from tests.gateways.kinds import recorded

SESSION = "webjs_1_1763264318_rCdIqxMG"
WHO = {"workspace_id": 1, "session_id": SESSION}


def parse(event, data=None, **top):
    body = {"event": event, **top} | ({} if data is None else {"data": data})
    return webhooks.parse(json.dumps(body).encode())


def lost(**data):
    return parse("session_disconnected", WHO | data)


RECORDED = {
    "qr_code_generated": (Kind.STATE, State.QR_SCANNING, Reason.NONE),
    "session_authenticated": (Kind.STATE, State.CONNECTING, Reason.AUTHENTICATED),
    "session_ready": (Kind.STATE, State.CONNECTED, Reason.NONE),
    "session_disconnected": (Kind.STATE, State.DISCONNECTED, Reason.REPLACED),
    "session_reconnected": (Kind.HINT, None, Reason.NONE),
}


@pytest.mark.parametrize("webhook", recorded.webhooks())
def test_every_recorded_webhook_is_read(webhook):
    body = json.loads(webhook["body"])
    event = webhooks.parse(webhook["body"].encode())

    assert (event.kind, event.state, event.reason) == RECORDED[event.name]
    assert (event.name, event.session_id, event.workspace_id) == (
        body["event"],
        body["data"]["session_id"],
        1,
    )
    assert event.phone_number == body["data"].get("phone_number")
    assert event.qr_code == body["data"].get("qr_code")


def test_a_qr_code_is_kept_apart_from_what_is_stored():
    event = parse(
        "qr_code_generated",
        WHO | {"qr_code": "data:image/png;base64,AAAA", "expires_in": 60, "qr_count": 2},
    )

    assert event.qr_code == "data:image/png;base64,AAAA"
    assert event.qr_expires_in_seconds == 60
    assert event.fields == {"expires_in": 60, "qr_count": 2}
    assert "AAAA" not in repr(event)


@pytest.mark.parametrize(
    "qr_code",
    [
        None,
        5,
        "",
        "2@raw",
        "javascript:alert(1)",
        'data:image/png;base64,AA"onload=',
        "data:text/html;base64,AAAA",
        "data:image/png;base64," + "A" * 70_000,
    ],
)
def test_what_is_no_picture_is_no_qr_code_but_still_a_waiting_session(qr_code):
    event = parse("qr_code_generated", WHO | {"qr_code": qr_code})

    assert (event.state, event.qr_code) == (State.QR_SCANNING, None)


@pytest.mark.parametrize(
    ("word", "state", "reason"),
    [(word.upper(), *meaning) for word, meaning in LOSSES.items()]
    + [
        ("Max qrcode retries reached", State.DISCONNECTED, Reason.QR_EXPIRED),
        ("logout", State.LOGGED_OUT, Reason.UNLINKED),
        # A page that does not answer may still be there: it is not gone.
        ("page_unresponsive", State.UNRESPONSIVE, Reason.HUNG),
        ("page_closed", State.DISCONNECTED, Reason.BROWSER_GONE),
        ("the dog ate it", State.DISCONNECTED, Reason.UNRECOGNISED),
        ("UNLAUNCHED", State.DISCONNECTED, Reason.UNRECOGNISED),
    ],
)
def test_every_reason_of_a_loss_and_one_nobody_knows(word, state, reason):
    event = lost(reason=word)

    assert (event.kind, event.state, event.reason) == (Kind.STATE, state, reason)
    assert event.raw_reason == word


def test_an_id_of_its_own_is_kept_whole_and_none_is_none():
    assert parse("session_ready", WHO, event_id="0b9e-1").event_id == "0b9e-1"
    assert parse("session_ready", WHO).event_id is None


@pytest.mark.parametrize("data", [{}, {"reason": None}, {"reason": ""}, {"reason": "  "}])
def test_a_loss_without_a_reason_is_still_a_loss(data):
    event = lost(**data)

    assert (event.state, event.reason, event.raw_reason) == (State.DISCONNECTED, Reason.NONE, "")


@pytest.mark.parametrize("reason", [{"code": 5}, ["x"], True, 1.5, "x" * 100_000])
def test_a_loss_with_an_odd_reason_is_still_a_loss(reason):
    event = lost(reason=reason)

    assert (event.state, event.reason) == (State.DISCONNECTED, Reason.UNRECOGNISED)
    assert 0 < len(event.raw_reason) <= 200


def test_a_long_reason_is_cut():
    assert lost(reason="because " * 100).raw_reason.endswith("…")


def test_giving_up_is_a_loss():
    event = parse("session_reconnect_failed", WHO | {"status": "failed", "max_retries": 5})

    assert (event.state, event.reason) == (State.DISCONNECTED, Reason.GATEWAY_GAVE_UP)
    assert event.fields["max_retries"] == 5


@pytest.mark.parametrize("name", ["session_reconnected", "session_error"])
def test_a_hint_says_nothing_about_the_state(name):
    event = parse(name, WHO | {"status": "connected", "error": "phone_extraction_failed"})

    assert (event.kind, event.state) == (Kind.HINT, None)


def test_an_error_keeps_its_code():
    event = parse("session_error", WHO | {"error": "webhook_send_failed", "message": "404"})

    assert (event.reason, event.raw_reason) == (Reason.SESSION_ERROR, "webhook_send_failed")
    assert event.fields == {"error": "webhook_send_failed", "message": "404"}


@pytest.mark.parametrize(("word", "meaning"), STATES.items())
@pytest.mark.parametrize("at_the_top", [True, False])
def test_the_older_status_event_at_the_top_or_under_data(word, meaning, at_the_top):
    fields = {"session_id": SESSION, "status": word}
    event = (
        parse("session_status_changed", **fields)
        if at_the_top
        else parse("session_status_changed", fields)
    )

    assert event.kind is Kind.STATE
    assert (event.session_id, event.state, event.reason) == (SESSION, *meaning)


@pytest.mark.parametrize("status", ["hibernating", "", None])
def test_an_unknown_status_word_only_calls_for_a_look(status):
    event = parse("session_status_changed", session_id=SESSION, status=status)

    assert (event.kind, event.state, event.reason) == (Kind.HINT, None, Reason.UNRECOGNISED)


@pytest.mark.parametrize("name", sorted(MESSAGE_LIKE - {"mobile_activity_detected"}))
def test_a_message_is_evidence_of_life_and_nothing_of_it_is_kept(name):
    content = {"id": "x", "body": "TOP SECRET", "from": "62811801641@c.us"}
    event = parse(name, WHO | {"message": content, "status": "read", "message_id": "m"})

    assert (event.kind, event.session_id, event.workspace_id) == (Kind.LIFE, SESSION, 1)
    assert event.fields == {}
    assert "SECRET" not in repr(event)


def test_mobile_activity_has_its_session_at_the_top():
    event = parse(
        "mobile_activity_detected",
        {"device_type": "android", "message_id": "m", "workspace_id": 1},
        session_id=SESSION,
        timestamp="2026-11-22T11:53:05.394Z",
    )

    assert (event.kind, event.session_id, event.workspace_id) == (Kind.LIFE, SESSION, 1)


@pytest.mark.parametrize("data", [None, {}, [], "x", 5])
def test_a_connection_test_is_a_canary_with_or_without_data(data):
    assert parse("connection_test", data, timestamp=1795348334618).kind is Kind.CANARY


def test_an_unknown_event_keeps_only_whom_it_is_about():
    event = parse("wormhole_opened", WHO | {"status": "connected", "body": "TOP SECRET"})

    assert (event.kind, event.name) == (Kind.UNRECOGNISED, "wormhole_opened")
    assert (event.session_id, event.workspace_id) == (SESSION, 1)
    assert (event.state, event.fields) == (None, {})


@pytest.mark.parametrize("data", [None, [], "x", 5, {"session_id": []}, {"workspace_id": "one"}])
def test_an_unknown_event_of_any_shape_is_unrecognised(data):
    assert parse("wormhole_opened", data).kind is Kind.UNRECOGNISED


@pytest.mark.parametrize(
    ("given", "number"),
    [
        ("+62 811-801-641", "62811801641"),
        ("62811801641@c.us", "62811801641"),
        (62811801641, "62811801641"),
        ("62811801641:12@s.whatsapp.net", "62811801641"),
        ("null", None),
        ("undefined", None),
        (None, None),
        ("", None),
        ([], None),
        ({}, None),
        (1.5, None),
        ("9" * 100_000, None),
        ("٦٢٨١١٨٠١٦٤١", None),
    ],
)
def test_a_ready_session_counts_with_whatever_number(given, number):
    event = parse("session_ready", WHO | {"phone_number": given})

    assert (event.state, event.phone_number) == (State.CONNECTED, number)


@pytest.mark.parametrize(
    ("given", "workspace_id"),
    [(1, 1), ("1", 1), (" 1 ", 1), (1.0, 1), (None, None), ("", None), (2**63 - 1, 2**63 - 1)],
)
def test_a_workspace_whose_meaning_is_certain_is_taken(given, workspace_id):
    assert lost(workspace_id=given).workspace_id == workspace_id


@pytest.mark.parametrize(
    "given", ["one", 1.5, True, -1, [], {}, [1], 2**63, "9" * 30, 1e300, "1.0", "¹"]
)
def test_a_workspace_whose_meaning_is_not_certain_is_unreadable(given):
    with pytest.raises(UnreadableEvent, match=r"data\.workspace_id"):
        lost(workspace_id=given)


@pytest.mark.parametrize(
    ("given", "session_id"), [(123, "123"), (" a ", " a "), ("x" * 255, "x" * 255)]
)
def test_a_session_whose_meaning_is_certain_is_taken(given, session_id):
    assert lost(session_id=given).session_id == session_id


@pytest.mark.parametrize("given", [None, "", "  ", 1.5, True, [], {}, ["a"], "x" * 256])
def test_a_session_whose_meaning_is_not_certain_is_unreadable(given):
    with pytest.raises(UnreadableEvent, match=r"data\.session_id"):
        lost(session_id=given)


def test_two_different_sessions_are_unreadable():
    with pytest.raises(UnreadableEvent, match="differ"):
        parse("session_disconnected", WHO, session_id="another")


@pytest.mark.parametrize("name", sorted(set(EVENTS) - {"connection_test"}))
def test_every_known_event_must_name_its_session(name):
    with pytest.raises(UnreadableEvent, match="names no session"):
        parse(name, {"workspace_id": 1})


@pytest.mark.parametrize("data", [[], "x", 5, True, [WHO]])
def test_data_that_is_no_object_is_unreadable(data):
    with pytest.raises(UnreadableEvent, match="data must be an object"):
        parse("session_disconnected", data)


@pytest.mark.parametrize("event", [None, "", "  ", 5, True, [], {}, ["session_ready"]])
def test_an_event_without_a_name_is_unreadable(event):
    with pytest.raises(UnreadableEvent, match="event"):
        parse(event, WHO)


def test_the_events_of_the_contract_are_all_known():
    assert set(EVENTS) == {
        "qr_code_generated",
        "session_authenticated",
        "session_ready",
        "session_disconnected",
        "session_error",
        "session_reconnected",
        "session_reconnect_failed",
        "session_status_changed",
        "message_received",
        "message_sent",
        "message_status_updated",
        "message_delivered",
        "message_read",
        "typing_indicator",
        "chat_state_updated",
        "mobile_activity_detected",
        "connection_test",
    }
