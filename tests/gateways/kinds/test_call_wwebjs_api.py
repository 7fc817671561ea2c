"""wwebjs-api, answering as it was recorded."""

from __future__ import annotations

import httpx
import pytest

from gateways.base import (
    BadAnswer,
    ConnectionRefused,
    KeyRejected,
    Reason,
    Rejected,
    State,
    TimedOut,
)
from gateways.kinds.wwebjs_api.client import WwebjsApiClient
from tests.gateways.kinds import captured

WITHOUT_RECOVERY = "03-faults-recover-sessions-false"
WITH_RECOVERY = "04-faults-recover-sessions-true"


def client(transport):
    return WwebjsApiClient("http://gateway:3000", api_key=captured.KEY, transport=transport)


def at(until, recording=WITHOUT_RECOVERY):
    return client(captured.gateway("wwebjs-api", recording, until=until))


def read(until, session_id, recording=WITHOUT_RECOVERY):
    return at(until, recording).read_session(session_id, deadline_seconds=5)


def answering(status, body):
    return client(httpx.MockTransport(lambda request: httpx.Response(status, json=body)))


@pytest.mark.parametrize(
    ("until", "state", "reason"),
    [
        ("kill9-browser: before fault", State.CONNECTED, Reason.LISTED),
        ("kill9-browser: status +12s", State.DISCONNECTED, Reason.BROWSER_GONE),
        ("tab-closed: status +12s", State.DISCONNECTED, Reason.BROWSER_GONE),
        ("nav-blank: status +2s", State.DISCONNECTED, Reason.PAGE_GONE),
        ("state-TIMEOUT: status +12s", State.CONNECTING, Reason.NETWORK),
        ("page-reload: status +0.3s", State.CONNECTING, Reason.NETWORK),
        ("phone-logout: status +12s", State.QR_SCANNING, Reason.LISTED),
    ],
)
def test_the_body_decides_and_not_the_status_of_the_answer(until, state, reason):
    session = read(until, until.partition(":")[0])

    assert (session.state, session.reason) == (state, reason)


def test_a_session_that_recovers_is_not_there_meanwhile():
    """The same answer comes for unknown, starting and recovering sessions."""
    assert read("kill9-renderer: status +2s", "kill9-renderer", WITH_RECOVERY) is None
    again = read("kill9-renderer: status +6s", "kill9-renderer", WITH_RECOVERY)
    assert again.state is State.CONNECTED


def test_a_crashed_page_gives_no_answer():
    with pytest.raises(TimedOut):
        read("kill9-renderer: status +12s", "kill9-renderer")


def test_a_hung_session_does_not_blind_the_list():
    listing = at("kill9-renderer: list").list_sessions(deadline_seconds=5)

    assert listing.complete
    assert [(s.session_id, s.state, s.raw_state) for s in listing.sessions] == [
        ("kill9-renderer", None, "no answer")
    ]
    [hung] = listing.sessions
    assert (hung.asked, hung.answered) == (True, False)


def test_a_list_says_how_each_session_is():
    listing = at("kill9-browser: list").list_sessions(deadline_seconds=5)

    assert [(s.session_id, s.reason) for s in listing.sessions] == [
        ("kill9-browser", Reason.BROWSER_GONE)
    ]


def test_no_time_left_makes_the_list_incomplete():
    names = [f"s{n}" for n in range(50)]
    listing = answering(200, {"success": True, "result": names}).list_sessions(deadline_seconds=0.1)

    assert (listing.complete, listing.sessions) == (False, ())
    assert listing.why_incomplete == "there was no time to read 50 of 50"


def test_a_connected_session_is_asked_for_its_number():
    answers = {
        "/session/status/a": {
            "success": True,
            "state": "CONNECTED",
            "message": "session_connected",
        },
        "/client/getClassInfo/a": {
            "success": True,
            "sessionInfo": {"wid": {"user": "62811801641"}},
        },
    }
    transport = httpx.MockTransport(lambda call: httpx.Response(200, json=answers[call.url.path]))

    session = client(transport).read_session("a", deadline_seconds=5)

    assert session.phone_number == "62811801641"


def test_a_word_nobody_knows_is_kept_raw():
    session = answering(
        200, {"success": False, "state": "ASLEEP", "message": "session_not_connected"}
    )
    said = session.read_session("a", deadline_seconds=5)

    assert (said.state, said.reason, said.raw_state) == (None, Reason.UNRECOGNISED, "ASLEEP")


def test_a_wrong_key_is_named_as_such():
    with pytest.raises(KeyRejected, match="does not accept our key"):
        answering(403, {"success": False, "error": "Invalid API key"}).list_sessions(
            deadline_seconds=5
        )


@pytest.mark.parametrize("answer", [{"success": True}, [], "pong", {"result": ["a"]}])
def test_another_dialect_is_no_list(answer):
    with pytest.raises(BadAnswer):
        answering(200, answer).list_sessions(deadline_seconds=5)


def test_a_restart_of_what_it_does_not_hold_is_a_start():
    asked = []

    def answer(call):
        asked.append(call.url.path)
        missing = {"success": False, "message": "session_not_found"}
        return httpx.Response(200, json=missing if "status" in call.url.path else {"success": True})

    client(httpx.MockTransport(answer)).restart_session(
        "a", workspace_id=1, account_id=1, deadline_seconds=5
    )
    assert asked == ["/session/status/a", "/session/start/a"]


def test_a_start_that_fails_says_why():
    with pytest.raises(Rejected, match="ERR_NAME_NOT_RESOLVED"):
        answering(422, {"success": False, "error": "net::ERR_NAME_NOT_RESOLVED"}).start_session(
            "a", workspace_id=1, account_id=1, deadline_seconds=5
        )


def test_stopping_never_terminates():
    """terminate deletes the login."""
    asked = []

    def answer(call):
        asked.append(call.url.path)
        return httpx.Response(200, json={"success": True, "message": "stopped"})

    client(httpx.MockTransport(answer)).stop_session("a", workspace_id=1, deadline_seconds=5)
    assert asked == ["/session/status/a", "/session/stop/a"]


def test_nobody_there_is_refused():
    with (
        pytest.raises(ConnectionRefused),
        WwebjsApiClient("http://127.0.0.1:1", api_key="k") as nobody,
    ):
        nobody.health(deadline_seconds=1)


def test_a_session_that_is_known_to_hang_is_listed_without_asking_its_page():
    asked = []

    def answer(call):
        asked.append(call.url.path)
        listed = {"success": True, "result": ["alice", "hung"]}
        live = {"success": True, "state": "CONNECTED", "message": "session_connected"}
        return httpx.Response(200, json=listed if "getSessions" in call.url.path else live)

    listing = client(httpx.MockTransport(answer)).list_sessions(
        deadline_seconds=5, unasked={"hung", "somebody else"}
    )

    assert listing.complete
    assert [(s.session_id, s.state, s.raw_state) for s in listing.sessions] == [
        ("alice", State.CONNECTED, "CONNECTED"),
        ("hung", None, "not asked"),
    ]
    assert [(one.asked, one.answered) for one in listing.sessions] == [(True, True), (False, False)]
    assert asked == ["/session/getSessions", "/session/status/alice"]
