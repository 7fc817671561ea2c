"""Whatever a gateway answers, to whatever is asked: one of our words, or one of our errors."""

from __future__ import annotations

import json

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateways.base import GatewayError, Health, Listing, Probe, Session
from gateways.registry import clients
from tests.gateways.kinds.clients import KEY, client

WORDS = st.sampled_from(
    [
        *("CONNECTED", "WORKING", "open", "connecting", "CLOSED", "QRCODE", "connected", "close"),
        *("session_connected", "session_not_found", "window.require is not a function", "alice"),
        *("Session not found", "does not exist", "WEBJS", "", "null", KEY, "\x00\ud83d", "2@abc"),
    ]
)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), WORDS, st.text(max_size=9)
)
FIELDS = st.sampled_from(
    [
        *("success", "state", "message", "error", "status", "sessions", "total", "session_id"),
        *("result", "response", "instance", "qr", "qrcode", "base64", "code", "data", "value"),
        *("name", "me", "engine", "id", "wid", "user", "sessionInfo", "uptime", "workspace_id"),
        *("ownerJid", "token", "urlcode", "connected_at", "phone_number"),
    ]
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=6),
    max_leaves=12,
)
BODIES = st.one_of(
    VALUES.map(lambda value: json.dumps(value).encode()),
    VALUES.map(lambda value: json.dumps(value).encode()[:-1]),
    st.binary(max_size=30),
    st.just(b"<html>502</html>"),
)
ANSWERS = st.lists(
    st.tuples(
        st.sampled_from([200, 200, 200, 201, 204, 302, 400, 401, 403, 404, 422, 500]), BODIES
    ),
    min_size=1,
    max_size=4,
)
IDS = {"workspace_id": 1, "account_id": 9}
ASKED = {
    "health": (lambda it: it.health(deadline_seconds=5), Health),
    "list": (lambda it: it.list_sessions(deadline_seconds=5, unasked=["alice"]), Listing),
    "read": (lambda it: it.read_session("alice", deadline_seconds=5), Session | None),
    "probe": (lambda it: it.probe_session("alice", deadline_seconds=16), Probe),
    "code": (lambda it: it.read_qr("alice", deadline_seconds=5), str | None),
    "start": (lambda it: it.start_session("alice", **IDS, deadline_seconds=5), None),
    "restart": (lambda it: it.restart_session("alice", **IDS, deadline_seconds=5), None),
    "stop": (lambda it: it.stop_session("alice", workspace_id=1, deadline_seconds=5), None),
    "log out": (lambda it: it.log_out_session("alice", workspace_id=1, deadline_seconds=5), None),
}


@pytest.mark.parametrize("what", ASKED)
@pytest.mark.parametrize("kind", clients())
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(answers=ANSWERS)
def test_it_is_a_word_or_an_error_of_ours(kind, what, answers):
    ask, shape = ASKED[what]
    turn = iter(answers * 20)

    def answer(call: httpx.Request) -> httpx.Response:
        status, body = next(turn)
        return httpx.Response(status, content=body)

    try:
        said = ask(client(kind, answer))
    except GatewayError as error:
        assert KEY not in str(error)
        assert "\n" not in str(error)
    else:
        assert said is None if shape is None else isinstance(said, shape)
        if isinstance(said, str):
            assert said.startswith("data:image/png;base64,")
