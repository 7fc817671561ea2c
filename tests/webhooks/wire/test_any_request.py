"""Whatever arrives is answered 2xx or 4xx, in JSON, with a reason; and what is answered 2xx and
speaks of a state has its row."""

from __future__ import annotations

import json
import time
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.webhooks.sending import KEY, SECRET, Sender, signed
from webhooks.models import Delivery

EVENTS = [
    *("qr_code_generated", "session_authenticated", "session_ready", "session_disconnected"),
    *("session_error", "session_reconnected", "session_reconnect_failed"),
    *("session_status_changed", "connection_test", "message_received", "typing_indicator"),
]
LIFE = {"message_received", "typing_indicator"}

any_text = st.text(max_size=20) | st.sampled_from(["alice", "bob", "\x00", "\ud83d", "\u202e", "1"])
any_number = st.integers() | st.floats() | st.sampled_from([0, 1, -1, 2**63, 10**400, 1e308])
any_json = st.recursive(
    st.none() | st.booleans() | any_number | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=6,
)
FIELDS = ["session_id", "workspace_id", "phone_number", "status", "reason", "qr_code", "expires_in"]
any_data = st.dictionaries(st.sampled_from(FIELDS), any_json) | any_json
any_event = st.fixed_dictionaries(
    {"event": st.sampled_from(EVENTS) | any_json},
    optional={"data": any_data, "session_id": any_json, "status": any_json},
)
any_body = st.binary(max_size=200) | (any_event | any_json).map(
    lambda said: json.dumps(said).encode()
)
any_header = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=70)
NAMES = [
    *("X-HMAC-Signature", "X-Timestamp", "X-API-Key", "X-Instance-Url", "Content-Type", "Accept"),
    *("Content-Length", "Transfer-Encoding", "Authorization", "Expect", "X-Webhook-Source"),
]
any_headers = st.dictionaries(st.sampled_from(NAMES), any_header, max_size=6)

PATHS = ["/api/webhooks/webjs", "/api/whatsapp/webhooks/webjs", "/api/webhooks/whatsapp-webjs"]
# The database and its people are the same for every example; that is the point.
many = settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])


def check(answer) -> dict:
    assert answer.status_code < 500, answer.content
    said = answer.json()
    assert said["success"] is (answer.status_code < 300)
    assert said["success"] or said["reason"]
    return said


@many
@given(body=any_body)
def test_any_body_of_a_gateway_is_answered_and_kept(sender, body):
    before = Delivery.objects.count()
    said = check(sender.send(body))
    if said.get("state") != "noted":
        assert Delivery.objects.count() == before + 1
    assert said.get("state") != "pending"


@many
@given(body=any_body, headers=any_headers, path=st.sampled_from(PATHS))
def test_any_headers_are_answered(cast, body, headers, path):
    check(Sender().post(body, headers, path=path))


@many
@given(body=any_body, headers=any_headers, path=st.sampled_from(PATHS))
def test_any_headers_beside_a_true_signature_are_answered(cast, body, headers, path):
    true = signed(SECRET, body, timestamp=str(int(time.time())))
    check(Sender().post(body, headers | true, path=path))


CALLS = ["sessions/{}/mark-disconnected", "accounts/{}/mark-disconnected", "cleanup-logs"]


@many
@given(body=any_body, name=any_text, path=st.sampled_from(CALLS))
def test_any_other_call_of_a_gateway_is_answered(cast, body, name, path):
    name = quote(name.encode("utf-8", "surrogatepass"), safe="") or "x"
    check(Sender().post(body, {"X-API-Key": KEY}, path=f"/api/whatsapp/{path.format(name)}"))


@many
@given(body=any_body, name=st.sampled_from(["1", "alice", "%00"]) | st.integers(0).map(str))
def test_any_patch_of_a_gateway_is_answered(cast, body, name):
    path = f"/api/whatsapp/accounts/{name}/status"
    client = Sender().client
    check(client.generic("PATCH", path, body, "application/json", headers={"X-API-Key": KEY}))


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", PATHS)
def test_any_other_method_is_told_so(sender, method, path):
    headers = signed(SECRET, b"")
    answer = sender.client.generic(method, path, b"", headers=headers)
    assert answer.status_code in (200, 405) and answer.json()
