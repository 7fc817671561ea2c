"""Characters that a column, a log or a terminal cannot take are kept as escapes, in any field."""

from __future__ import annotations

import json

import pytest

from tests.webhooks.sending import event, lost, the_delivery

# As JSON spells them, and as they are kept.
ODD = {
    "NUL": (r"a\u0000b", r"a\u0000b"),
    "a lone high surrogate": (r"a\ud83db", r"a\ud83db"),
    "a lone low surrogate": (r"a\udc00b", r"a\udc00b"),
    "a right-to-left override": ("a\u202eb", r"a\u202eb"),
    "a terminal's escape": (r"a\u001b[31mb", r"a\u001b[31mb"),
    "a new line": (r"a\nb", r"a\u000ab"),
    "a zero-width space": ("a\u200bb", r"a\u200bb"),
    "a line separator": ("a\u2028b", r"a\u2028b"),
}
in_each = pytest.mark.parametrize(("spelled", "kept"), ODD.values(), ids=ODD.keys())


def body_with(text: str, **fields: object) -> bytes:
    return json.dumps(fields).replace("HERE", text).encode()


@in_each
def test_in_a_session_id(cast, sender, spelled, kept):
    cast.an_account(kept, "connected")
    answer = sender.send(body_with(spelled, **lost("HERE")))
    assert (answer.status_code, answer.json()["state"]) == (200, "applied")
    assert the_delivery().session_id == kept


@in_each
def test_in_an_events_name(sender, spelled, kept):
    assert sender.send(body_with(spelled, event="HERE", data={})).status_code == 200
    assert the_delivery().event == kept


@in_each
def test_in_a_reason(cast, sender, spelled, kept):
    assert sender.send(body_with(spelled, **lost("alice", "HERE"))).status_code == 200
    cast.alice.refresh_from_db()
    assert (cast.alice.status_raw, the_delivery().said["raw"]) == (kept, kept)


@in_each
def test_in_any_other_field(cast, sender, spelled, kept):
    said = event("session_ready", phone_number="HERE", platform="HERE", status="HERE", other="HERE")
    assert sender.send(body_with(spelled, **said)).status_code == 200
    assert the_delivery().said["fields"]["platform"] == kept


@in_each
def test_in_a_message(sender, spelled, kept):
    said = event("message_received", "HERE", message={"body": "HERE", "from": "HERE"})
    assert sender.send(body_with(spelled, **said)).status_code == 200


@in_each
def test_in_a_reason_of_the_other_calls(cast, sender, spelled, kept):
    body = body_with(spelled, reason="HERE")
    path = "/api/whatsapp/sessions/alice/mark-disconnected"
    answer = sender.post(body, {"X-API-Key": "key-of-whatsapp-1"}, path=path)
    cast.alice.refresh_from_db()
    assert (answer.status_code, cast.alice.status_raw) == (200, kept)


@pytest.mark.parametrize("odd", ["%00", "%1b%5B31m", "%E2%80%AE", "%ed%a0%80", "%ff"])
def test_in_the_path_of_the_other_calls(cast, sender, odd):
    path = f"/api/whatsapp/sessions/a{odd}b/mark-disconnected"
    answer = sender.post(b"{}", {"X-API-Key": "key-of-whatsapp-1"}, path=path)
    assert answer.status_code == 404 and answer.json()["success"] is False
