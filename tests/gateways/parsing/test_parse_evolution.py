from __future__ import annotations

import json

import pytest

from gateways.base import Kind, Reason, State, UnreadableEvent
from gateways.kinds.evolution.webhooks import parse

PICTURE = "data:image/png;base64,iVBORw0KGgo="


def heard(name, data, **fields):
    body = {
        "event": name,
        "instance": "n1",
        "data": data,
        "destination": "http://backend/hook",
        "date_time": "2026-11-24T09:00:00.000Z",
        "sender": "62811801641@s.whatsapp.net",
        "server_url": "http://localhost:8080",
        "apikey": "the-instance-token",
    }
    return parse(json.dumps(body | fields).encode())


def update(state, code=200, **fields):
    return heard("connection.update", {"instance": "n1", "state": state, "statusReason": code})


def test_an_open_connection_names_its_number():
    event = heard(
        "connection.update",
        {"instance": "n1", "state": "open", "statusReason": 200, "wuid": "62811801642@c.us"},
    )

    assert (event.kind, event.state, event.session_id) == (Kind.STATE, State.CONNECTED, "n1")
    assert event.phone_number == "62811801642"


@pytest.mark.parametrize(
    ("code", "state", "reason"),
    [
        (401, State.LOGGED_OUT, Reason.UNLINKED),
        (402, State.BLOCKED, Reason.TEMPORARY_BAN),
        (403, State.BLOCKED, Reason.LOGIN_REFUSED),
        (406, State.BLOCKED, Reason.TERMS_OF_SERVICE),
        (409, State.DISCONNECTED, Reason.CLIENT_OUTDATED),
        (411, State.LOGGED_OUT, Reason.UNLINKED),
        (413, State.DISCONNECTED, Reason.LOGIN_REFUSED),
        (414, State.DISCONNECTED, Reason.LOGIN_REFUSED),
        (415, State.DISCONNECTED, Reason.LOGIN_REFUSED),
        (416, State.DISCONNECTED, Reason.LOGIN_REFUSED),
        (417, State.DISCONNECTED, Reason.LOGIN_REFUSED),
        (418, State.DISCONNECTED, Reason.CLIENT_OUTDATED),
        (463, State.DISCONNECTED, Reason.TEMPORARY_BAN),
        (501, State.DISCONNECTED, Reason.CLIENT_OUTDATED),
        (440, State.DISCONNECTED, Reason.REPLACED),
        (408, State.DISCONNECTED, Reason.NETWORK),
        (499, State.DISCONNECTED, Reason.UNRECOGNISED),
        (None, State.DISCONNECTED, Reason.LISTED),
    ],
)
def test_a_close_says_why_by_a_number(code, state, reason):
    event = update("close", code)

    assert (event.kind, event.state, event.reason) == (Kind.STATE, state, reason)
    assert event.raw_reason == f"close {code or ''}".strip()


def test_a_refused_connection_is_an_expired_qr_code():
    event = update("refused", 428)

    assert (event.state, event.reason) == (State.DISCONNECTED, Reason.QR_EXPIRED)


def test_a_state_nobody_knows_is_a_hint():
    event = update("hovering")

    assert (event.kind, event.state, event.raw_reason) == (Kind.HINT, None, "hovering")


def test_its_local_time_is_never_taken_for_a_moment():
    """Stock images say São Paulo's wall clock and put a Z behind it."""
    event = update("open")

    assert event.occurred_at is None
    assert event.fields == {"local_time": "2026-11-24T09:00:00.000Z"}


def test_the_key_that_travels_in_the_body_is_not_kept():
    assert "the-instance-token" not in repr(update("open"))


def test_a_qr_code_is_a_picture_to_show():
    event = heard("qrcode.updated", {"qrcode": {"code": "2@x", "base64": PICTURE}})

    assert (event.state, event.qr_code) == (State.QR_SCANNING, PICTURE)
    assert PICTURE not in repr(event)


def test_the_last_qr_code_has_expired():
    event = heard("qrcode.updated", {"message": "limit reached", "statusCode": 500})

    assert (event.state, event.reason) == (State.DISCONNECTED, Reason.QR_EXPIRED)


def test_a_closed_instance_says_why_by_a_number():
    event = heard("status.instance", {"status": "closed", "disconnectionReasonCode": 401})

    assert (event.state, event.reason) == (State.LOGGED_OUT, Reason.UNLINKED)


def test_a_logout_has_no_data():
    event = heard("logout.instance", None)

    assert (event.state, event.reason) == (State.LOGGED_OUT, Reason.UNLINKED)


def test_messages_are_life_in_whatever_shape():
    for data in ([{"body": "hello"}], {"body": "hello"}, "hello"):
        event = heard("messages.upsert", data)

        assert (event.kind, event.fields) == (Kind.LIFE, {})


def test_a_name_in_capitals_is_the_same_event():
    assert heard("CONNECTION_UPDATE", {"state": "open"}).state is State.CONNECTED


def test_an_event_nobody_knows_names_its_session():
    event = heard("moon.phase", {})

    assert (event.kind, event.session_id) == (Kind.UNRECOGNISED, "n1")


def test_a_state_without_an_instance_cannot_be_read():
    with pytest.raises(UnreadableEvent, match="instance is missing"):
        heard("connection.update", {"state": "open"}, instance=None)
