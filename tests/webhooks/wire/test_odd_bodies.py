"""Whatever an authenticated gateway sends gets a definite answer, and leaves a row."""

from __future__ import annotations

import pytest

from tests.cast import story
from tests.webhooks.sending import Sender, event, lost, signed, the_delivery
from webhooks.models import Delivery

DEEP = (
    b'{"event":"session_ready","data":{"session_id":"alice","x":'
    + b"[" * 60_000
    + b"]" * 60_000
    + b"}}"
)

UNREADABLE = {
    "empty": (b"", "the body is empty"),
    "one byte": (b"{", "not JSON"),
    "half an object": (b'{"event":"session_ready","data":{"session_id":"ali', "not JSON"),
    "two objects": (b"{}{}", "not JSON"),
    "not UTF-8": (b'{"event":"session_ready","data":{"session_id":"\xff"}}', "not UTF-8"),
    "UTF-16": ('{"event":"session_ready"}'.encode("utf-16"), "not UTF-8"),
    "a form": (b"event=session_ready&session_id=alice", "not JSON"),
    "a list": (b'[{"event":"session_ready"}]', "must be an object"),
    "a number": (b"17", "must be an object"),
    "null": (b"null", "must be an object"),
    "no event": (b'{"data":{"session_id":"alice"}}', "event is missing"),
    "an event that is a number": (b'{"event":7,"data":{}}', "event must be a text"),
    "an event that is blank": (b'{"event":"  ","data":{}}', "event is missing"),
    "data that is a list": (b'{"event":"session_ready","data":[]}', "data must be an object"),
    "no session": (b'{"event":"session_ready","data":{"workspace_id":1}}', "names no session"),
    "no data": (b'{"event":"session_ready"}', "names no session"),
    "a session that is a list": (
        b'{"event":"session_ready","data":{"session_id":["alice"]}}',
        "session_id must be a text",
    ),
    "a session that is a fraction": (
        b'{"event":"session_ready","data":{"session_id":1.5}}',
        "session_id must be a text",
    ),
    "a session that is a huge number": (
        b'{"event":"session_ready","data":{"session_id":1' + b"0" * 5000 + b"}}",
        "session_id",
    ),
    "a session that is too long": (
        b'{"event":"session_ready","data":{"session_id":"' + b"x" * 300 + b'"}}',
        "longer than 255",
    ),
    "two sessions": (
        b'{"event":"session_ready","session_id":"bob","data":{"session_id":"alice"}}',
        "differ",
    ),
    "a workspace that is a text": (
        b'{"event":"session_ready","data":{"session_id":"alice","workspace_id":"acme"}}',
        "workspace_id must be a whole number",
    ),
    "a workspace that is huge": (
        b'{"event":"session_ready","data":{"session_id":"alice","workspace_id":1'
        + b"0" * 5000
        + b"}}",
        "workspace_id",
    ),
    "a workspace that is infinite": (
        b'{"event":"session_ready","data":{"session_id":"alice","workspace_id":1e999}}',
        "workspace_id",
    ),
    "nesting without end": (DEEP, "nested too deeply"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_is_kept_and_answered_with_the_reason(cast, sender, name):
    body, reason = UNREADABLE[name]
    answer = sender.send(body)
    assert (answer.status_code, answer.json()["success"]) == (400, False)
    assert reason in answer.json()["reason"]
    row = the_delivery()
    assert (row.event, row.state, row.gateway) == ("unreadable", "dead", cast.gateway)
    assert reason in row.error and row.size_bytes == len(body)


KEPT = {
    "an event that nobody knows": ({"event": "session_danced", "data": {}}, "unrecognised event"),
    "an event of another room": (event("call", "alice"), "unrecognised event"),
    "an unknown session": (lost("nobody's"), "unknown session"),
    "a session of another workspace": (lost(workspace_id=999_999), "another workspace"),
    "a huge session id": (lost("x" * 255), "unknown session"),
    "a session id that is a number": (lost(10**18), "unknown session"),
}


@pytest.mark.parametrize("name", KEPT)
def test_what_moves_nothing_is_kept_and_answered_200(cast, sender, name):
    said, why = KEPT[name]
    answer = sender.send(said)
    assert (answer.status_code, answer.json()["state"]) == (200, "ignored")
    assert why in answer.json()["why"]
    assert the_delivery().error == answer.json()["why"]
    assert story(cast.alice) == []


@pytest.mark.parametrize("workspace_id", ["{}", "{}.0", '"{}"', '" {} "'])
def test_a_workspace_in_other_clothes_is_the_same(cast, sender, workspace_id):
    text = workspace_id.format(cast.acme.pk)
    body = b'{"event":"session_disconnected","data":{"session_id":"alice","workspace_id":%s}}'
    assert sender.send(body % text.encode()).json()["state"] == "applied"
    assert the_delivery().workspace_claim == cast.acme.pk


def test_of_two_keys_with_one_name_the_last_counts(cast, sender):
    body = (
        b'{"event":"call","event":"session_disconnected",'
        b'"data":{"session_id":"bob","session_id":"alice"}}'
    )
    assert sender.send(body).json()["state"] == "applied"
    assert the_delivery().account == cast.alice


def test_a_loss_with_an_odd_reason_is_still_a_loss(cast, sender):
    for reason in (None, 7, ["x"], {"y": 1}, "x" * 1000, "Überraschung"):
        assert sender.send(lost("alice", reason)).json()["state"] == "applied"
    assert story(cast.alice) == [
        ("connected", "disconnected"),
        ("disconnected", "disconnected"),  # from no reason to one that nobody knows
    ]


def test_the_older_shape_without_data_is_read(cast, sender):
    said = {"event": "session_status_changed", "session_id": "alice", "status": "disconnected"}
    assert sender.send(said).json()["state"] == "applied"


def test_a_test_of_the_route_is_answered_and_counted(cast, sender):
    answer = sender.send({"event": "connection_test", "timestamp": 1795348336987})
    assert answer.status_code == 200
    assert (the_delivery().event, the_delivery().state) == ("connection_test", "applied")


@pytest.mark.parametrize(
    "said", [lost(reason="x" * 300_000), {"event": "odd", "data": "y" * 300_000}]
)
def test_only_messages_may_be_larger_than_256_kb(sender, said):
    answer = sender.send(said)
    assert answer.status_code == 413 and "256 kB" in answer.json()["reason"]


def test_what_is_larger_than_anything_is_not_even_read(sender):
    headers = signed(sender.secret, b"") | {"Content-Length": str(10**30)}
    answer = Sender().client.post("/api/webhooks/webjs", headers=headers)
    assert answer.status_code in (400, 413) and answer.json()["reason"]


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "nonsense", ""])
def test_what_the_sender_says_it_accepts_loses_nothing(cast, sender, accept):
    answer = sender.send(lost(), accept=accept)
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")


@pytest.mark.parametrize("content_type", ["text/plain", "multipart/form-data", "", "a/b; c"])
def test_what_the_sender_calls_the_body_is_not_asked(sender, content_type):
    assert sender.send(lost(), content_type=content_type).status_code == 200
    assert Delivery.objects.get().state == "applied"
