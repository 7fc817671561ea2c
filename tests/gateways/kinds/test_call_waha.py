"""WAHA, answering as its documentation says."""

from __future__ import annotations

import httpx
import pytest

from gateways.base import BadAnswer, KeyRejected, Rejected, State
from gateways.kinds.waha.client import WahaClient

ALICE = {"name": "alice", "status": "WORKING", "me": {"id": "62811801641@c.us"}, "config": {}}
WEBJS = {"engine": "WEBJS", "WWebVersion": "2.3000", "state": "CONNECTED"}


def answering(status, body):
    transport = httpx.MockTransport(lambda call: httpx.Response(status, json=body))
    return WahaClient("http://gateway:3000", api_key="k", transport=transport)


def read(body, status=200):
    return answering(status, body).read_session("alice", deadline_seconds=5)


def test_a_list_names_the_stopped_ones_too():
    asked = []

    def answer(call):
        asked.append((str(call.url), call.headers["x-api-key"]))
        return httpx.Response(200, json=[ALICE, {"name": "bob", "status": "STOPPED", "me": None}])

    client = WahaClient("http://gateway:3000", api_key="k", transport=httpx.MockTransport(answer))
    listing = client.list_sessions(deadline_seconds=5)

    assert asked == [("http://gateway:3000/api/sessions?all=true", "k")]
    assert listing.complete
    assert [(one.session_id, one.state, one.phone_number) for one in listing.sessions] == [
        ("alice", State.CONNECTED, "62811801641"),
        ("bob", State.DISCONNECTED, None),
    ]


def test_a_working_session_whose_page_answers_is_connected():
    session = read(ALICE | {"engine": WEBJS})
    assert (session.state, session.phone_number) == (State.CONNECTED, "62811801641")


def test_a_working_session_whose_page_does_not_answer_says_nothing():
    session = read(ALICE | {"engine": {"engine": "WEBJS"}})
    assert session.state is None
    assert session.raw_state == "WORKING, but its page gives no answer"
    assert (session.asked, session.answered) == (True, False)


@pytest.mark.parametrize("engine", [{"engine": "NOWEB"}, {"engine": "GOWS"}, None])
def test_engines_without_a_page_are_not_asked_for_it(engine):
    assert read(ALICE | {"engine": engine}).state is State.CONNECTED


def test_no_such_session_is_an_answer():
    assert read({"message": "Session not found", "statusCode": 404}, 404) is None


def test_another_404_is_none():
    with pytest.raises(Rejected):
        read({"message": "Cannot GET /api/sessions/alice", "statusCode": 404}, 404)


def test_a_wrong_key_is_named_as_such():
    with pytest.raises(KeyRejected):
        read({"message": "Unauthorized", "statusCode": 401}, 401)


def test_another_dialect_is_no_list():
    with pytest.raises(BadAnswer):
        answering(200, {"sessions": []}).list_sessions(deadline_seconds=5)


def test_a_word_nobody_knows_is_kept_raw():
    session = read(ALICE | {"status": "DREAMING"})
    assert (session.state, session.raw_state, session.phone_number) == (None, "DREAMING", None)


def test_its_uptime_is_in_milliseconds():
    health = answering(200, {"startTimestamp": 1764000000000, "uptime": 3_600_000}).health(
        deadline_seconds=5
    )
    assert health.uptime_seconds == 3600


@pytest.mark.parametrize("verb", ["restart", "stop"])
def test_it_is_told_by_a_post(verb):
    asked = []

    def answer(call):
        asked.append((call.method, call.url.path))
        return httpx.Response(201, json={"name": "alice"})

    client = WahaClient("http://gateway:3000", api_key="k", transport=httpx.MockTransport(answer))
    if verb == "stop":
        client.stop_session("alice", workspace_id=1, deadline_seconds=5)
    else:
        client.restart_session("alice", workspace_id=1, account_id=1, deadline_seconds=5)
    assert asked == [("POST", f"/api/sessions/alice/{verb}")]


def test_a_refused_restart_is_said():
    with pytest.raises(Rejected, match="422"):
        answering(422, {"message": "no"}).restart_session(
            "alice", workspace_id=1, account_id=1, deadline_seconds=5
        )
