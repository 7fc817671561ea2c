"""Is there a live page behind a session? Each kind is asked in its own way."""

from __future__ import annotations

import httpx
import pytest

from gateways.base import BadAnswer, KeyRejected, Pulse, Reason, State, Unreachable
from tests.gateways.kinds import captured, recorded
from tests.gateways.kinds.clients import Gateway, client

HANGS = httpx.ReadTimeout
SENDS = {
    "send to 0, alive": (Pulse.ALIVE, Reason.NONE),
    "send to 0, continued": (Pulse.ALIVE, Reason.NONE),
    "send to 0, Chromium stopped": (Pulse.NO_ANSWER, Reason.HUNG),
    # It had lost the session from its memory for sending: no word about the page.
    "send to 0, Chromium dead": (Pulse.UNCLEAR, Reason.NONE),
}


def probe(kind, gateway):
    return client(kind, gateway).probe_session("alice", deadline_seconds=16)


def node_service(send, status="connected"):
    said = {"session_id": "alice", "status": status, "workspace_id": 7}
    return Gateway(status=(200, said), send=send, health=(200, {"status": "healthy"}))


def wwebjs(state=None, message="session_not_connected"):
    said = {"success": message == "session_connected", "state": state, "message": message}
    return Gateway(status=(200, said), ping=(200, {"success": True, "message": "pong"}))


def waha(status="WORKING", **engine):
    said = {"name": "alice", "status": status, "me": None, "engine": engine or None}
    return Gateway(alice=(200, said), status=(200, {"uptime": 1000}))


def wppconnect(status, check):
    return Gateway(
        status_session=(200, {"status": status}),
        check_connection_session=check,
        healthz=(200, {"uptime": 1.0}),
    )


@pytest.mark.parametrize("label", SENDS)
def test_the_node_service_s_recorded_errors_tell_the_truth(label):
    line = recorded.call(label)
    answer = (line["status"], line["answer"].encode())

    met = probe("webjs", node_service(answer))

    assert (met.pulse, met.reason) == SENDS[label]


@pytest.mark.parametrize(
    "error",
    [
        "Attempted to use detached Frame '4F2A'.",
        "Protocol error (Runtime.callFunctionOn): Target closed",
        "Session closed. Most likely the page has been closed.",
    ],
)
def test_puppeteer_s_words_for_a_dead_page_are_definite(error):
    met = probe("webjs", node_service((500, {"error": error})))
    assert (met.pulse, met.reason) == (Pulse.GONE, Reason.BROWSER_GONE)


@pytest.mark.parametrize("status", [400, 404, 429])
def test_a_refusal_before_the_page_is_no_word_about_it(status):
    met = probe("webjs", node_service((status, {"error": "Too many requests"})))
    assert met.pulse is Pulse.UNCLEAR


def test_a_page_on_its_way_elsewhere_is_no_word_either():
    error = "Execution context was destroyed, most likely because of a navigation."
    assert probe("webjs", node_service((500, {"error": error}))).pulse is Pulse.UNCLEAR


def test_the_message_can_reach_nobody_and_is_sent_in_the_session_s_workspace():
    sent = []
    gateway = node_service((200, {"success": True}))

    def answer(call):
        sent.append(call)
        return gateway(call)

    assert client("webjs", answer).probe_session("alice", deadline_seconds=16).pulse is Pulse.ALIVE
    assert [(call.method, call.url.path) for call in sent] == [
        ("GET", "/api/sessions/alice/status"),
        ("POST", "/api/messages/send"),
    ]
    assert b'"recipient_phone":"0"' in sent[1].content
    assert b'"workspace_id":7' in sent[1].content


@pytest.mark.parametrize("status", ["qr_scanning", "disconnected"])
def test_nothing_is_sent_by_a_session_that_is_not_said_to_be_connected(status):
    gateway = node_service((200, {"success": True}), status)

    met = probe("webjs", gateway)

    assert (met.pulse, met.session.state) == (Pulse.UNCLEAR, State(status))
    assert gateway.asked == ["GET /api/sessions/alice/status"]


def test_nothing_is_sent_by_a_session_that_is_not_there():
    gateway = Gateway(status=(404, {"error": "Session not found"}))

    met = probe("webjs", gateway)

    assert (met.pulse, met.reason) == (Pulse.UNCLEAR, Reason.MISSING)
    assert len(gateway.asked) == 1


def test_another_program_s_error_page_is_no_sign_of_life():
    with pytest.raises(BadAnswer):
        probe("webjs", node_service((502, b"<html>502 Bad Gateway</html>")))


@pytest.mark.parametrize(
    ("state", "message", "pulse", "reason"),
    [
        ("CONNECTED", "session_connected", Pulse.ALIVE, Reason.NONE),
        (None, "session closed", Pulse.GONE, Reason.BROWSER_GONE),
        (None, "browser tab closed", Pulse.GONE, Reason.BROWSER_GONE),
        (None, "window.require is not a function", Pulse.NO_ANSWER, Reason.PAGE_GONE),
        (None, "Increase the 'protocolTimeout' setting", Pulse.NO_ANSWER, Reason.HUNG),
        (None, "session_not_found", Pulse.UNCLEAR, Reason.MISSING),
        ("TIMEOUT", "session_not_connected", Pulse.UNCLEAR, Reason.NONE),
        ("UNPAIRED", "session_not_connected", Pulse.UNCLEAR, Reason.NONE),
    ],
)
def test_wwebjs_api_s_status_asks_the_page(state, message, pulse, reason):
    met = probe("wwebjs_api", wwebjs(state, message))
    assert (met.pulse, met.reason) == (pulse, reason)


def test_the_recorded_crashed_page_gives_no_answer_while_its_gateway_does():
    crashed = captured.gateway(
        "wwebjs-api", "03-faults-recover-sessions-false", until="kill9-renderer: status +12s"
    )

    def answer(call):
        if call.url.path == "/ping":
            return httpx.Response(200, json={"success": True, "message": "pong"})
        return crashed.handle_request(call)

    met = client("wwebjs_api", answer).probe_session("kill9-renderer", deadline_seconds=16)
    assert (met.pulse, met.reason) == (Pulse.NO_ANSWER, Reason.HUNG)


@pytest.mark.parametrize(
    ("gateway", "pulse", "reason"),
    [
        (waha(engine="WEBJS", state="CONNECTED"), Pulse.ALIVE, Reason.NONE),
        (waha(engine="WEBJS"), Pulse.NO_ANSWER, Reason.HUNG),
        (waha(engine="WEBJS", state="TIMEOUT"), Pulse.NO_ANSWER, Reason.DEAF),
        (waha(engine="NOWEB"), Pulse.UNCLEAR, Reason.NONE),
        (waha("FAILED", engine="WEBJS"), Pulse.UNCLEAR, Reason.NONE),
        (Gateway(alice=(404, {"message": "Session not found"})), Pulse.UNCLEAR, Reason.MISSING),
    ],
)
def test_waha_s_engine_is_what_proves(gateway, pulse, reason):
    met = probe("waha", gateway)
    assert (met.pulse, met.reason) == (pulse, reason)


def test_waha_s_own_calls_prove_nothing():
    """Our own calls set its `activity`."""
    said = {"name": "alice", "status": "WORKING", "timestamps": {"activity": 1763264512000}}
    assert probe("waha", Gateway(alice=(200, said))).pulse is Pulse.UNCLEAR


@pytest.mark.parametrize(
    ("status", "check", "pulse", "reason"),
    [
        ("CONNECTED", (200, {"status": True}), Pulse.ALIVE, Reason.NONE),
        ("CONNECTED", (200, {"status": False}), Pulse.GONE, Reason.BROWSER_GONE),
        ("CONNECTED", HANGS, Pulse.NO_ANSWER, Reason.HUNG),
        ("CLOSED", (200, {"status": False}), Pulse.UNCLEAR, Reason.NONE),
        ("QRCODE", (200, {"status": True}), Pulse.UNCLEAR, Reason.NONE),
    ],
)
def test_wppconnect_s_word_is_held_against_its_page(status, check, pulse, reason):
    met = probe("wppconnect", wppconnect(status, check))
    assert (met.pulse, met.reason) == (pulse, reason)


def test_evolution_s_memory_proves_nothing():
    gateway = Gateway(alice=(200, {"instance": {"state": "open"}}))

    met = probe("evolution", gateway)

    assert (met.pulse, met.session.state) == (Pulse.UNCLEAR, State.CONNECTED)


HUNG = {
    "webjs": node_service(HANGS),
    "wwebjs_api": Gateway(status=HANGS, ping=(200, {"success": True})),
    "waha": Gateway(alice=HANGS, status=(200, {"uptime": 1})),
    "wppconnect": wppconnect("CONNECTED", HANGS),
}


@pytest.mark.parametrize("kind", HUNG)
def test_a_session_that_hangs_is_told_from_a_gateway_that_does(kind):
    assert probe(kind, HUNG[kind]).pulse is Pulse.NO_ANSWER

    def nobody(call):
        raise httpx.ReadTimeout("", request=call)

    with pytest.raises(Unreachable):
        probe(kind, nobody)


@pytest.mark.parametrize(("kind", "status"), [("webjs", 401), ("wwebjs_api", 403), ("waha", 401)])
def test_a_refused_key_is_no_word_about_a_session(kind, status):
    with pytest.raises(KeyRejected):
        probe(kind, lambda call: httpx.Response(status, json={"error": "Invalid API key"}))


def test_a_probe_leaves_the_node_service_its_own_15_seconds():
    """The rest of the time suffices to ask whether the gateway itself still answers."""
    seconds = []
    gateway = node_service((500, {"error": "x"}))

    def answer(call):
        seconds.append(call.extensions["timeout"]["read"])
        return gateway(call)

    client("webjs", answer).probe_session("alice", deadline_seconds=16)
    assert 15.1 < seconds[-1] < 15.5
