"""The simulator as WPPConnect Server: the recorded calls are made again, one after another, and
each answer is the recorded one, QR codes, tokens and names aside."""

from __future__ import annotations

import json
import re

import httpx
import pytest

from gateways.base import Kind, Pulse, Reason, State
from gateways.kinds.wppconnect.client import WppconnectClient
from gateways.kinds.wppconnect.webhooks import parse
from simulator import still_world
from simulator.dialects.wppconnect import token_for
from simulator.served.transport import transport
from simulator.state.sessions import Login
from simulator.world import faults, process
from tests.gateways.kinds import captured
from tests.simulator.conftest import Backend
from tests.simulator.simulated import ask, connected

NUMBER = "15550100001"
FAULTS = {
    "f-kill9": lambda world: faults.crash(world, "f-kill9", honest=False),
    "f-renderer": lambda world: faults.crash_tab(world, "f-renderer"),
    "f-stop": lambda world: faults.hang(world, "f-stop", honest=False),
    "f-timeout": lambda world: faults.disconnect(world, "f-timeout", reason="TIMEOUT"),
    "f-unpaired": lambda world: faults.disconnect(world, "f-unpaired", reason="UNPAIRED"),
    "f-conflict": lambda world: faults.conflict(world, "f-conflict"),
    "f-logout": lambda world: faults.unlink(world, "f-logout"),
}
NOT_SIMULATED = {"metrics", "send-message"}
# They had been linked before the recording began.
LINKED = ("f-kill9", "f-renderer")


@pytest.fixture
def backend():
    return Backend()


@pytest.fixture
def world(backend):
    return still_world(backend, kind="wppconnect")


@pytest.fixture
def client(world):
    return WppconnectClient("http://localhost:3001", api_key="test-key", transport=transport(world))


def linked(world, session_id):
    login = Login(session_id=session_id, workspace_id=1, phone_number=NUMBER)
    world.logins[session_id] = login


def alike(answer):
    text = json.dumps(answer).replace("Offline Stub", "Simulated")
    text = re.sub(r'"(urlcode|token|full)": "[^"]*"', r'"\1": "…"', text)
    text = re.sub(r'"(uptime|timestamp)": [\d.]+', r'"\1": 1', text)
    return re.sub(r'"data:image/png;base64,[^"]*"', '"a picture"', text)


def answer_of(world, line):
    asked = line["request"]
    path = asked["path"].replace("<secret-key>", "test-key")
    tokens = {"status, no token": "", "status, bad token": "wrong"}
    token = tokens.get(line["label"], token_for(world, name_in(path)))
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        status, body = ask(world, asked["method"], path, asked["body"], headers=headers, seconds=15)
    except httpx.TransportError:
        return None
    is_picture = path.endswith("/qrcode-session") and isinstance(body, str)
    return status, "<picture>" if is_picture else alike(body)


def name_in(path):
    """The session that a call is about, if it is about one."""
    return (path.split("/") + [""])[2]


def recorded_answer(line):
    said = line["response"]
    if said is None:
        return None
    is_picture = "image/png>" in str(said["body"])
    return said["status"], "<picture>" if is_picture else alike(said["body"])


def test_it_answers_as_recorded_while_whatsapp_is_unreachable(world):
    world.faults.whatsapp_unreachable = True
    for line in captured.calls("wppconnect-server", "01-whatsapp-unreachable"):
        if line["label"] not in NOT_SIMULATED:
            assert answer_of(world, line) == recorded_answer(line), line["label"]


def test_it_answers_as_recorded_from_the_first_login_through_every_fault(world):
    done = set()
    for line in captured.calls("wppconnect-server", "02-login-and-faults"):
        label, session_id = line["label"], name_in(line["request"]["path"])
        if label in ("wait", "list"):  # how long it takes, and what else was there
            continue
        if label == "token" and session_id in LINKED:
            linked(world, session_id)
        is_scanned = label in ("after pair: status-session", "before fault: status-session")
        if is_scanned and session_id not in world.logins:
            faults.scan(world, session_id, phone_number=NUMBER)
        if label.startswith("+1s") and session_id not in done:
            done.add(session_id)
            FAULTS[session_id](world)
        if label == "after SIGCONT: status-session":
            faults.resume(world, session_id)
        assert answer_of(world, line) == recorded_answer(line), (label, session_id)
    assert done == set(FAULTS)


def test_a_close_and_a_start_are_told_as_recorded(world, backend):
    linked(world, "q1")
    for verb in ("start-session", "close-session", "start-session"):
        headers = {"Authorization": f"Bearer {token_for(world, 'q1')}"}
        ask(world, "POST", f"/api/q1/{verb}", headers=headers)

    assert backend.bodies == [
        {"event": "status-find", "status": "isLogged"},
        {"event": "status-find", "session": "q1", "status": "browserClose"},
        {
            "event": "closesession",
            "session": "q1",
            "message": "Session: q1 disconnected",
            "connected": False,
        },
        {"event": "status-find", "status": "isLogged"},
    ]


def test_each_webhook_is_what_its_reader_expects_and_nothing_proves_the_sender(world, backend):
    connected(world, "s")
    faults.speak(world, "s")
    faults.acknowledge(world, "s")
    faults.unlink(world, "s")
    faults.scan(world, "s", phone_number=NUMBER)
    faults.crash(world, "s", honest=False)

    heard = [parse(body) for _, _, _, body in backend.requests]
    assert [(one.name, one.kind, one.state, one.reason) for one in heard] == [
        ("onmessage", Kind.LIFE, None, Reason.NONE),
        ("onack", Kind.LIFE, None, Reason.NONE),
        ("qrcode", Kind.STATE, State.QR_SCANNING, Reason.NONE),
        ("status-find", Kind.STATE, State.QR_SCANNING, Reason.NONE),
        ("status-find", Kind.STATE, State.CONNECTING, Reason.AUTHENTICATED),
        ("status-find", Kind.STATE, State.CONNECTED, Reason.NONE),
        ("status-find", Kind.STATE, State.DISCONNECTED, Reason.BROWSER_GONE),
    ]
    assert heard[2].qr_code.startswith("data:image/png;base64,")
    sent = {name.lower() for _, _, headers, _ in backend.requests for name in headers}
    assert sent == {"accept", "content-type", "user-agent"}


def test_a_killed_browser_is_seen_by_the_check_and_a_start_alone_does_nothing(world, client):
    connected(world, "s")
    faults.crash(world, "s", honest=False)
    session = client.read_session("s", deadline_seconds=5)
    assert (session.state, session.reason) == (State.DISCONNECTED, Reason.BROWSER_GONE)

    headers = {"Authorization": f"Bearer {token_for(world, 's')}"}
    ask(world, "POST", "/api/s/start-session", headers=headers)
    assert not world.sessions["s"].is_alive

    client.restart_session("s", workspace_id=1, account_id=1, deadline_seconds=60)
    assert client.read_session("s", deadline_seconds=5).state is State.CONNECTED


def test_a_hung_page_gives_the_check_no_answer(world, client):
    connected(world, "s")
    faults.hang(world, "s", honest=False)

    assert client.probe_session("s", deadline_seconds=16).pulse is Pulse.NO_ANSWER


def test_a_session_that_lost_whatsapp_goes_on_looking_alive(world, client):
    connected(world, "s")
    faults.disconnect(world, "s", reason="TIMEOUT")

    assert client.read_session("s", deadline_seconds=5).state is State.CONNECTED
    assert not world.sessions["s"].is_alive


def test_after_an_unlink_and_a_scan_it_goes_on_saying_qrcode(world, client):
    connected(world, "s")
    faults.unlink(world, "s")
    code = client.read_session("s", deadline_seconds=5)
    faults.scan(world, "s", phone_number=NUMBER)
    assert world.sessions["s"].is_alive
    scanned = client.read_session("s", deadline_seconds=5)
    for session in (code, scanned):
        assert (session.state, session.may_be_over) == (State.QR_SCANNING, True)

    client.restart_session("s", workspace_id=1, account_id=1, deadline_seconds=60)
    assert client.read_session("s", deadline_seconds=5).state is State.CONNECTED


def test_the_code_of_a_first_login_is_certain(world, client):
    client.start_session("s", workspace_id=1, account_id=1, deadline_seconds=5)
    session = client.read_session("s", deadline_seconds=5)
    assert (session.state, session.may_be_over) == (State.QR_SCANNING, False)


def test_a_code_that_nobody_scans_closes_the_session(world, client, backend):
    client.start_session("s", workspace_id=1, account_id=1, deadline_seconds=5)
    assert client.read_qr("s", deadline_seconds=5).startswith("data:image/png;base64,")
    world.advance(world.settings.pace.qr_life)

    assert client.read_session("s", deadline_seconds=5) is not None
    assert client.read_session("s", deadline_seconds=5).state is State.DISCONNECTED
    assert backend.bodies[-1]["status"] == "autocloseCalled"


def test_a_login_is_lost_by_logging_out_and_by_nothing_else(world, client):
    for name in ("stopped", "out"):
        connected(world, name)
    client.stop_session("stopped", workspace_id=1, deadline_seconds=5)
    client.log_out_session("out", workspace_id=1, deadline_seconds=5)

    assert sorted(world.logins) == ["stopped"]


def test_a_boot_starts_every_session_at_once_also_those_that_were_closed(world, client):
    for name in ("a", "b", "closed"):
        connected(world, name)
    world.stop("closed")
    process.restart(world)
    world.settle()

    sessions = client.list_sessions(deadline_seconds=5).sessions
    assert {(one.session_id, one.state) for one in sessions} == {
        (name, State.CONNECTED) for name in ("a", "b", "closed")
    }
