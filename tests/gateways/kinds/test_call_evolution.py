"""Evolution API, answering as its source says."""

from __future__ import annotations

import httpx
import pytest

from gateways.base import GatewayError, KeyRejected, Rejected, State
from gateways.kinds.evolution.client import EvolutionClient

ROWS = [
    {"id": "1", "name": "alice", "connectionStatus": "open", "ownerJid": "62811801641@c.us"},
    {"id": "2", "name": "bob", "connectionStatus": "open", "ownerJid": None, "token": "secret"},
]
MISSING = {"status": 404, "response": {"message": ['The "x" instance does not exist']}}


def gateway(states, rows=ROWS):
    """`states` by name: what its memory says; the list is of its database."""

    def answer(call):
        assert call.headers["apikey"] == "k"
        if call.url.path == "/instance/fetchInstances":
            only = call.url.params.get("instanceName")
            return httpx.Response(200, json=[row for row in rows if only in (None, row["name"])])
        name = call.url.path.rpartition("/")[2]
        if name not in states:
            return httpx.Response(404, json=MISSING)
        instance = {"instanceName": name} | ({"state": states[name]} if states[name] else {})
        return httpx.Response(200, json={"instance": instance})

    return EvolutionClient(
        "http://gateway:8080", api_key="k", transport=httpx.MockTransport(answer)
    )


def answering(status, body):
    transport = httpx.MockTransport(lambda call: httpx.Response(status, json=body))
    return EvolutionClient("http://gateway:8080", api_key="k", transport=transport)


def test_its_memory_is_believed_and_not_its_database():
    listing = gateway({"alice": "open", "bob": "connecting"}).list_sessions(deadline_seconds=5)

    assert listing.complete
    assert [(one.session_id, one.state, one.phone_number) for one in listing.sessions] == [
        ("alice", State.CONNECTED, "62811801641"),
        ("bob", State.CONNECTING, None),
    ]


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("open", State.CONNECTED),
        ("connecting", State.CONNECTING),
        ("close", State.DISCONNECTED),
        ("", State.DISCONNECTED),
        ("hovering", None),
    ],
)
def test_a_word_is_a_state(word, state):
    session = gateway({"alice": word}).read_session("alice", deadline_seconds=5)
    assert (session.state, session.raw_state) == (state, word)


def test_a_connected_session_is_read_with_its_number():
    session = gateway({"alice": "open"}).read_session("alice", deadline_seconds=5)
    assert session.phone_number == "62811801641"


def test_the_number_of_one_is_not_looked_for_in_a_list_of_all():
    crowd = [ROWS[0], *({"name": f"broken-{n}", "ownerJid": 7} for n in range(3))]
    session = gateway({"alice": "open"}, rows=crowd).read_session("alice", deadline_seconds=5)
    assert session.phone_number == "62811801641"


def test_no_such_instance_is_an_answer():
    assert gateway({}).read_session("alice", deadline_seconds=5) is None


def test_a_wrong_key_is_named_as_such():
    with pytest.raises(KeyRejected):
        answering(401, {"status": 401}).list_sessions(deadline_seconds=5)


def test_a_restart_that_fails_with_200_is_said():
    with pytest.raises(Rejected, match="not connected"):
        answering(200, {"error": True, "message": "not connected"}).restart_session(
            "alice", workspace_id=1, account_id=1, deadline_seconds=5
        )


def test_a_stop_never_logs_out():
    with pytest.raises(GatewayError, match="keep its login"):
        gateway({"alice": "open"}).stop_session("alice", workspace_id=1, deadline_seconds=5)
