"""WPPConnect Server, answering as it was recorded."""

from __future__ import annotations

import httpx
import pytest

from gateways.base import KeyRejected, Reason, State
from gateways.kinds.wppconnect.client import WppconnectClient, _tokens
from tests.gateways.kinds import captured

FAULTS = "02-login-and-faults"


@pytest.fixture(autouse=True)
def _no_remembered_tokens():
    _tokens.clear()


def client(transport):
    return WppconnectClient("http://gateway:21465", api_key=captured.KEY, transport=transport)


def read(session_id, until):
    transport = captured.gateway("wppconnect-server", FAULTS, until=until, about=session_id)
    # It was listed in another call, later: what is asked here is how it is.
    return client(transport)._status(session_id, 5)


@pytest.mark.parametrize(
    ("session_id", "until", "state", "reason"),
    [
        ("q1", "QR shown: check-connection", State.QR_SCANNING, Reason.LISTED),
        ("f-kill9", "before fault: check-connection", State.CONNECTED, Reason.LISTED),
        ("f-kill9", "+9s: check-connection", State.DISCONNECTED, Reason.BROWSER_GONE),
        ("f-stop", "+9s: check-connection", None, Reason.LISTED),
        ("f-stop", "after SIGCONT: check-connection", State.CONNECTED, Reason.LISTED),
        ("f-renderer", "+9s: check-connection", None, Reason.LISTED),
        ("f-logout", "+9s: check-connection", State.QR_SCANNING, Reason.LISTED),
        ("f-logout", "after close: check-connection", State.DISCONNECTED, Reason.LISTED),
    ],
)
def test_its_word_is_held_against_its_browser(session_id, until, state, reason):
    session = read(session_id, until)

    assert (session.state, session.reason) == (state, reason)


def test_what_its_own_word_was_is_shown():
    assert read("f-kill9", "+9s: check-connection").raw_state == "CONNECTED, but Disconnected"
    hung = read("f-stop", "+9s: check-connection")
    assert hung.raw_state == "CONNECTED, but its page gives no answer"
    assert (hung.asked, hung.answered) == (True, False)


def test_a_list_says_how_each_session_is():
    listing = client(
        captured.gateway("wppconnect-server", FAULTS, until="list", about="show-all")
    ).list_sessions(deadline_seconds=5)

    states = {session.session_id: session.state for session in listing.sessions}
    assert listing.complete
    assert states["f-stop"] is State.DISCONNECTED
    assert states["f-renderer"] is None
    assert len(states) == 9


def test_one_session_s_odd_answer_does_not_blind_the_list():
    """The answer for s1 was not recorded: it is a bare 404."""
    listing = client(
        captured.gateway("wppconnect-server", FAULTS, until="list", about="show-all")
    ).list_sessions(deadline_seconds=5)

    [s1] = [session for session in listing.sessions if session.session_id == "s1"]
    assert (s1.state, s1.raw_state) == (None, "an odd answer")


@pytest.mark.parametrize(("word", "state"), [("CLOSED", None), ("CONNECTED", State.CONNECTED)])
def test_one_that_its_list_leaves_out_is_what_its_own_word_says(word, state):
    """The status is CLOSED for any name; but a list that is cut short must not end a live
    session."""
    said = {
        "show-all-sessions": {"response": ["another"]},
        "status-session": {"status": word},
        "check-connection-session": {"status": True},
        "generate-token": {"token": "t"},
    }

    def answer(call):
        found = said.get(call.url.path.rpartition("/")[2])
        return httpx.Response(200, json=found) if found else httpx.Response(404)

    session = client(httpx.MockTransport(answer)).read_session("left-out", deadline_seconds=5)
    assert (session.state if session else None) is state


def test_a_connected_session_is_asked_for_its_number():
    transport = captured.gateway("wppconnect-server", FAULTS, until="list", about="show-all")
    early = captured.gateway("wppconnect-server", FAULTS, until="host-device", about="q1")

    def answer(call):
        return (transport if "show-all" in call.url.path else early).handle_request(call)

    session = client(httpx.MockTransport(answer)).read_session("q1", deadline_seconds=5)
    assert (session.state, session.phone_number) == (State.CONNECTED, "15550100001")


def test_a_wrong_key_is_named_as_such():
    refusal = httpx.Response(400, json={"response": False, "message": "The token is incorrect"})
    with pytest.raises(KeyRejected) as refused:
        client(httpx.MockTransport(lambda call: refusal)).list_sessions(deadline_seconds=5)
    assert captured.KEY not in str(refused.value)


def test_a_token_is_made_once_and_made_anew_when_it_is_refused():
    made, old = [], []

    def answer(call):
        if call.url.path.endswith("generate-token"):
            made.append(call.url.path)
            return httpx.Response(201, json={"token": f"token-{len(made)}"})
        if call.headers["authorization"].removeprefix("Bearer ") in old:
            return httpx.Response(
                401, json={"error": "Check that the Session and Token are correct"}
            )
        return httpx.Response(200, json={"status": "CLOSED"})

    gateway = client(httpx.MockTransport(answer))
    gateway._status("s1", 5)
    gateway._status("s1", 5)
    assert len(made) == 1

    old.append("token-1")
    assert gateway._status("s1", 5).state is State.DISCONNECTED
    assert len(made) == 2


def test_a_restart_closes_first_and_does_not_mind_that_there_was_nothing_to_close():
    asked = []

    def answer(call):
        asked.append(call.url.path.rpartition("/")[2])
        if asked[-1] == "generate-token":
            return httpx.Response(201, json={"token": "t"})
        if asked[-1] == "close-session":
            return httpx.Response(500, json={"status": False, "message": "Error closing session"})
        return httpx.Response(200, json={"status": "CLOSED", "qrcode": None})

    client(httpx.MockTransport(answer)).restart_session(
        "s1", workspace_id=1, account_id=1, deadline_seconds=5
    )
    assert asked == ["generate-token", "close-session", "status-session", "start-session"]


def test_it_says_since_when_it_runs():
    body = {"uptime": 35.63, "message": "OK", "timestamp": 1795345159386}
    health = client(httpx.MockTransport(lambda call: httpx.Response(200, json=body))).health(
        deadline_seconds=5
    )
    assert health.uptime_seconds == 35.63


@pytest.mark.parametrize(
    ("word", "state", "raw_state"),
    [("CONNECTED", None, "CONNECTED, not asked"), ("CLOSED", State.DISCONNECTED, "CLOSED")],
)
def test_of_a_session_that_is_known_to_hang_only_its_own_word_is_read(word, state, raw_state):
    asked = []

    def answer(call):
        asked.append(call.url.path.rpartition("/")[2])
        if asked[-1] == "generate-token":
            return httpx.Response(201, json={"token": "t"})
        listed = asked[-1] == "show-all-sessions"
        return httpx.Response(200, json={"response": ["hung"]} if listed else {"status": word})

    [hung] = (
        client(httpx.MockTransport(answer))
        .list_sessions(deadline_seconds=5, unasked=["hung"])
        .sessions
    )

    assert (hung.state, hung.raw_state) == (state, raw_state)
    assert hung.asked is hung.answered is (state is not None)
    assert "check-connection-session" not in asked
