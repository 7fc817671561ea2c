"""What the client sends."""

from __future__ import annotations

import json

import httpx
import pytest

from gateways.base import Rejected
from gateways.kinds.webjs.client import WebjsClient


@pytest.fixture
def sent():
    return []


@pytest.fixture
def client(sent):
    def answer(request):
        sent.append(request)
        return httpx.Response(418, json={"error": "short and stout"})

    return WebjsClient(
        "http://gateway:3001/base/", api_key="the key/ü", transport=httpx.MockTransport(answer)
    )


CALLS = {
    "list": lambda client: client.list_sessions(deadline_seconds=5),
    "read": lambda client: client.read_session("s", deadline_seconds=5),
    "restart": lambda client: client.restart_session(
        "s", workspace_id=1, account_id=9, deadline_seconds=5
    ),
    "stop": lambda client: client.stop_session("s", workspace_id=1, deadline_seconds=5),
}


def make(client, call):
    with pytest.raises(Rejected, match="418 short and stout"):
        call(client)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_the_key_goes_both_ways(client, sent, call):
    make(client, call)

    (request,) = sent
    assert request.headers.raw.count((b"X-API-Key", "the key/ü".encode())) == 1
    if request.method == "GET":
        assert request.url.params["api_key"] == "the key/ü"
    else:
        assert json.loads(request.content)["api_key"] == "the key/ü"
        assert "api_key" not in request.url.params


def test_health_is_asked_without_a_key(client, sent):
    make(client, lambda client: client.health(deadline_seconds=5))

    assert "key" not in str(sent[0].url) + str(sent[0].headers)


def test_a_restart_is_a_reconnect_and_never_a_restore(client, sent):
    make(client, CALLS["restart"])

    assert (sent[0].method, sent[0].url.path) == ("POST", "/base/api/sessions/s/reconnect")
    body = json.loads(sent[0].content)
    assert (body["session_id"], body["workspace_id"], body["account_id"]) == ("s", 1, 9)


def test_stopping_is_a_delete_with_the_workspace(client, sent):
    make(client, CALLS["stop"])

    assert (sent[0].method, sent[0].url.path) == ("DELETE", "/base/api/sessions/s")
    assert json.loads(sent[0].content)["workspace_id"] == 1


@pytest.mark.parametrize(
    ("session_id", "segment"),
    [
        ("a/b", b"a%2Fb"),
        ("..", b"%2E%2E"),
        ("a?b#c", b"a%3Fb%23c"),
        ("a b%20", b"a%20b%2520"),
        ("ü", b"%C3%BC"),
    ],
)
def test_an_id_stays_one_segment_of_the_path(client, sent, session_id, segment):
    make(client, lambda client: client.read_session(session_id, deadline_seconds=5))

    assert sent[0].url.raw_path.startswith(b"/base/api/sessions/" + segment + b"/status?")


def test_an_empty_id_is_a_mistake_of_ours(client):
    with pytest.raises(ValueError, match="empty"):
        client.read_session("", deadline_seconds=5)


def test_closing_a_client_leaves_the_transport_to_its_owner(client):
    with client as same:
        assert same is client
    make(client, CALLS["list"])
