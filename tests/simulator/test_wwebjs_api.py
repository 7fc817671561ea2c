"""The simulator as wwebjs-api: the recorded calls are made again, one after another, and each
answer is the recorded one, QR codes and names aside."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from threading import Thread

import httpx
import pytest

from gateways.base import (
    ConnectionRefused,
    GatewayError,
    Kind,
    Pulse,
    Reason,
    State,
    TimedOut,
    Unreachable,
    Withheld,
)
from gateways.kinds.wwebjs_api.client import WwebjsApiClient
from gateways.kinds.wwebjs_api.webhooks import parse
from simulator import still_world
from simulator.served.transport import transport
from simulator.state.settings import INSTANT
from simulator.world import faults, process
from simulator.world.world import ProcessState as SimulatorState
from tests.gateways.kinds import captured
from tests.simulator.conftest import Backend
from tests.simulator.simulated import ask, connected

KEYS = {"x-api-key": "test-key"}
NUMBER = "15550100001"
WITHOUT_RECOVERY = "03-faults-recover-sessions-false"
WITH_RECOVERY = "04-faults-recover-sessions-true"
STATES = ("CONFLICT", "UNPAIRED", "UNPAIRED_IDLE", "UNLAUNCHED", "PROXYBLOCK", "TOS_BLOCK")
FAULTS = {
    "kill9-browser": lambda world, one: faults.crash(world, one, honest=False),
    "term-browser": lambda world, one: faults.crash(world, one, honest=False),
    "kill9-renderer": faults.crash_tab,
    "crash-url": faults.crash_tab,
    "tab-closed": faults.close_tab,
    "nav-blank": faults.leave,
    "nav-neterror": faults.leave,
    "phone-logout": faults.unlink,
    "state-TIMEOUT": lambda world, one: faults.disconnect(world, one, reason="TIMEOUT"),
    "state-DEPRECATED_VERSION": lambda world, one: faults.disconnect(
        world, one, reason="DEPRECATED_VERSION"
    ),
} | {
    f"state-{word}": lambda world, one, word=word: faults.disconnect(world, one, reason=word)
    for word in STATES
}
# Moments in which something was just happening: they differ between the recordings themselves.
NOT_COMPARED = {
    "phone-logout: status +0.3s",
    "state-CONFLICT: status +6s",
    "crash-url: status +0.3s",
}


def world_with(deliver=lambda *request: 200, **settings):
    return still_world(deliver, kind="wwebjs_api", **settings)


@pytest.fixture
def backend():
    return Backend()


@pytest.fixture
def world(backend):
    return world_with(backend)


@pytest.fixture
def client(world):
    return WwebjsApiClient("http://localhost:3001", api_key="test-key", transport=transport(world))


def alike(answer):
    """Make QR codes, and answers of the recording's stub, equal."""
    text = json.dumps(answer).replace("Offline Stub", "Simulated")
    return re.sub(r'"2@[^"]*"', '"2@"', text)


def answer_of(world, line, headers=KEYS):
    path = line["request"]["path"].replace("%20", " ")
    try:
        status, body = ask(world, "GET", path, headers=headers, seconds=20)
    except httpx.TransportError:
        return None
    return status, "<picture>" if path.endswith("/image") and isinstance(body, str) else alike(body)


def recorded_answer(line):
    said = line["response"]
    if said is None:
        return None
    is_picture = "image/png" in str(said["body"])
    return said["status"], "<picture>" if is_picture else alike(said["body"])


def lines_of(recording):
    return captured.calls("wwebjs-api", recording)


def test_it_answers_as_recorded_while_whatsapp_is_unreachable():
    world = world_with()
    world.faults.whatsapp_unreachable = True
    for line in lines_of("01-whatsapp-unreachable"):
        keys = {"no api key": {}, "ping no key": {}, "wrong api key": {"x-api-key": "wrong"}}
        headers = keys.get(line["label"], KEYS)
        assert answer_of(world, line, headers) == recorded_answer(line), line["label"]


def test_it_answers_as_recorded_from_the_first_start_to_the_last_stop():
    world = world_with(pace=replace(INSTANT, load=1))
    for line in lines_of("02-login-restart-stop-terminate"):
        if line["label"] == "status while PAIRING":
            faults.scan(world, "t1", phone_number=NUMBER)
        assert answer_of(world, line) == recorded_answer(line), line["label"]
        world.advance(1.5)


@pytest.mark.parametrize("recording", [WITHOUT_RECOVERY, WITH_RECOVERY])
@pytest.mark.parametrize("fault", FAULTS)
def test_it_answers_as_recorded_after(fault, recording):
    world = world_with(recovers=recording == WITH_RECOVERY)
    lines = [one for one in lines_of(recording) if one["label"].startswith(f"{fault}: ")]
    FAULTS[fault](world, connected(world, fault.replace("_", "-"), phone_number=NUMBER))
    seconds = 0.0
    for line in after_the_fault(lines):
        if match := re.search(r"\+([\d.]+)s$", line["label"]):
            world.advance(float(match.group(1)) - seconds)
            seconds = float(match.group(1))
        if line["label"] not in NOT_COMPARED:
            assert answer_of(world, line) == recorded_answer(line), line["label"]


def after_the_fault(lines):
    """The last time that this fault was tried, until the process died of it."""
    starts = [at for at, line in enumerate(lines) if line["label"].endswith("+0.3s")]
    lines = lines[starts[-1] :]
    died = [at for at, line in enumerate(lines) if "request" not in line]
    return lines[: died[0] if died else None]


@pytest.mark.parametrize("verb", ["status", "start", "stop", "restart", "terminate", "qr"])
def test_a_name_that_it_does_not_allow_is_refused(world, verb):
    status, answer = ask(world, "GET", f"/session/{verb}/a b", headers=KEYS)

    assert (status, answer["error"]) == (422, "Session should be alphanumerical or -")
    assert world.sessions == {}


def test_of_two_starts_at_once_the_second_finds_the_profile_taken(world):
    world.place("s", 0)
    status, answer = ask(world, "GET", "/session/start/s", headers=KEYS)

    assert status == 422
    assert answer["error"].startswith("The browser is already running for ")


def test_a_login_is_told_as_recorded(world, backend):
    ask(world, "GET", "/session/start/t1", headers=KEYS)
    faults.scan(world, "t1", phone_number=NUMBER)
    ask(world, "GET", "/session/restart/t1", headers=KEYS)
    told = [json.loads(body) for body in captured.webhooks("wwebjs-api", "02*")]

    shapes = [(body["dataType"], sorted(body)) for body in backend.bodies]
    expected = [(body["dataType"], sorted(body)) for body in told]
    # The stub showed a second QR code before it was scanned.
    assert shapes == expected[1 : len(shapes) + 1]


def test_each_webhook_is_what_its_reader_expects(world, backend):
    connected(world, "s")
    faults.disconnect(world, "s", reason="TIMEOUT")
    faults.disconnect(world, "s", reason="CONNECTED")
    faults.speak(world, "s")
    faults.acknowledge(world, "s")
    faults.block(world, "s")

    heard = [parse(body) for _, _, _, body in backend.requests]
    assert [(one.name, one.kind, one.state, one.reason) for one in heard] == [
        ("change_state", Kind.STATE, State.CONNECTING, Reason.NETWORK),
        ("change_state", Kind.STATE, State.CONNECTED, Reason.NONE),
        ("message_create", Kind.LIFE, None, Reason.NONE),
        ("message", Kind.LIFE, None, Reason.NONE),
        ("message_ack", Kind.LIFE, None, Reason.NONE),
        ("change_state", Kind.STATE, State.BLOCKED, Reason.TERMS_OF_SERVICE),
        ("disconnected", Kind.STATE, State.BLOCKED, Reason.TERMS_OF_SERVICE),
    ]
    assert {headers["x-api-key"] for _, _, headers, _ in backend.requests} == {"test-key"}


def test_nothing_is_ever_sent_again(world, backend):
    backend.answers = [ConnectionRefusedError()]
    connected(world, "s", announce=True)
    world.advance(600)

    assert len(backend.requests) == 1


def test_a_list_shows_each_as_it_is(world, client):
    for name in ("alive", "killed", "timeout"):
        connected(world, name)
    faults.crash(world, "killed", honest=False)
    faults.disconnect(world, "timeout", reason="TIMEOUT")

    listing = client.list_sessions(deadline_seconds=5)

    assert {(one.session_id, one.state) for one in listing.sessions} == {
        ("alive", State.CONNECTED),
        ("killed", State.DISCONNECTED),
        ("timeout", State.CONNECTING),
    }


def test_a_hung_session_is_cured_by_stop_and_start(world, client):
    connected(world, "s")
    faults.hang(world, "s", honest=False)
    with pytest.raises(TimedOut):
        client.read_session("s", deadline_seconds=5)

    client.stop_session("s", workspace_id=1, deadline_seconds=60)
    ask(world, "GET", "/session/start/s", headers=KEYS)

    assert client.read_session("s", deadline_seconds=5).state is State.CONNECTED


def test_a_restart_that_nobody_waited_for_happens_all_the_same(world, client):
    connected(world, "s")
    faults.hang(world, "s", honest=False)
    with pytest.raises(httpx.ReadTimeout):
        ask(world, "GET", "/session/restart/s", headers=KEYS, seconds=60)
    world.advance(361)
    assert not world.sessions["s"].is_alive
    world.advance(1)

    assert client.read_session("s", deadline_seconds=5).state is State.CONNECTED


def test_a_restart_that_waits_goes_on_when_the_session_is_stopped(world):
    """A session appears although its last call was a stop."""
    connected(world, "s")
    faults.hang(world, "s", honest=False)
    with pytest.raises(httpx.ReadTimeout):
        ask(world, "GET", "/session/restart/s", headers=KEYS, seconds=60)

    ask(world, "GET", "/session/stop/s", headers=KEYS)
    status, answer = ask(world, "GET", "/session/start/s", headers=KEYS)

    assert (status, answer["error"]) == (422, "Session already exists for: s")
    assert world.sessions["s"].is_alive


@pytest.mark.parametrize("ends", [faults.resume, faults.crash])
def test_a_restart_that_waits_goes_on_when_the_browser_wakes_up_or_dies(world, ends):
    connected(world, "s")
    faults.hang(world, "s", honest=False)
    before = world.sessions["s"]
    with pytest.raises(httpx.ReadTimeout):
        ask(world, "GET", "/session/restart/s", headers=KEYS, seconds=60)

    ends(world, "s", **({"honest": False} if ends is faults.crash else {}))

    assert world.sessions["s"].is_alive
    assert world.sessions["s"] is not before


def test_its_client_withholds_what_would_end_the_whole_gateway(world, client):
    connected(world, "s")
    faults.leave(world, "s")
    for verb in (client.restart_session, client.start_session):
        with pytest.raises(GatewayError):
            verb("s", workspace_id=1, account_id=1, deadline_seconds=10)
    for verb in (client.stop_session, client.log_out_session):
        with pytest.raises(Withheld):
            verb("s", workspace_id=1, deadline_seconds=10)

    assert world.state is SimulatorState.RUNNING


@pytest.mark.parametrize(
    ("breaks", "pulse", "reason"),
    [
        (lambda world: None, Pulse.ALIVE, Reason.NONE),
        (lambda world: faults.crash(world, "s", honest=False), Pulse.GONE, Reason.BROWSER_GONE),
        (lambda world: faults.close_tab(world, "s"), Pulse.GONE, Reason.BROWSER_GONE),
        (lambda world: faults.hang(world, "s", honest=False), Pulse.NO_ANSWER, Reason.HUNG),
        (lambda world: faults.crash_tab(world, "s"), Pulse.NO_ANSWER, Reason.HUNG),
        (lambda world: faults.leave(world, "s"), Pulse.NO_ANSWER, Reason.PAGE_GONE),
        (lambda world: faults.deafen(world, "s"), Pulse.ALIVE, Reason.NONE),
    ],
)
def test_a_probe_meets_each_fault(world, client, breaks, pulse, reason):
    connected(world, "s")
    breaks(world)
    probe = client.probe_session("s", deadline_seconds=16)

    assert (probe.pulse, probe.reason) == (pulse, reason)


def test_a_code_is_shown_scanned_and_the_login_lost_by_logging_out(world, client):
    client.start_session("s", workspace_id=1, account_id=1, deadline_seconds=60)
    assert client.read_qr("s", deadline_seconds=5).startswith("data:image/png;base64,")

    faults.scan(world, "s", phone_number=NUMBER)
    assert client.read_session("s", deadline_seconds=5).phone_number == NUMBER

    client.log_out_session("s", workspace_id=1, deadline_seconds=5)
    assert (world.logins, client.read_session("s", deadline_seconds=5)) == ({}, None)


@pytest.mark.parametrize("verb", ["restart", "stop", "terminate"])
def test_a_page_that_left_takes_the_whole_gateway_with_it(world, client, verb):
    for name in ("s", "neighbour"):
        connected(world, name)
    faults.leave(world, "s")
    with pytest.raises(httpx.ReadError):
        ask(world, "GET", f"/session/{verb}/s", headers=KEYS)
    with pytest.raises(ConnectionRefused):
        client.health(deadline_seconds=5)

    world.advance(world.settings.pace.supervisor)
    listing = client.list_sessions(deadline_seconds=5)
    assert {one.session_id for one in listing.sessions} == {"s", "neighbour"}


def test_a_page_that_left_ends_the_process_by_itself_unless_it_comes_back(world, client):
    connected(world, "s")
    faults.leave(world, "s")
    world.advance(20)
    faults.resume(world, "s")
    world.advance(60)
    assert client.read_session("s", deadline_seconds=5).state is State.CONNECTED

    faults.leave(world, "s")
    world.advance(31)
    with pytest.raises(Unreachable):
        client.health(deadline_seconds=5)


def test_whatever_is_not_connected_loses_its_login_by_terminate_inactive(world):
    for name in ("alive", "killed", "timeout"):
        connected(world, name)
    faults.crash(world, "killed", honest=False)
    faults.disconnect(world, "timeout", reason="TIMEOUT")

    ask(world, "GET", "/session/terminateInactive", headers=KEYS)

    assert sorted(world.logins) == ["alive"]


def test_a_boot_restores_one_after_another_also_what_was_stopped():
    world = world_with(pace=replace(INSTANT, restore=4))
    for name in ("a", "b", "stopped"):
        connected(world, name)
    world.stop("stopped")
    process.restart(world)
    client = WwebjsApiClient(
        "http://localhost:3001", api_key="test-key", transport=transport(world)
    )

    held = []
    for _ in range(4):
        sessions = client.list_sessions(deadline_seconds=5).sessions
        held.append(sorted(one.session_id for one in sessions))
        world.advance(4)

    assert held == [[], ["a"], ["a", "b"], ["a", "b", "stopped"]]


def test_a_hung_session_holds_up_nobody_who_asks_for_another_meanwhile():
    def asks_for_the_hung_one(*request):
        asking = Thread(target=ask, args=(world, "GET", "/session/status/hung"), kwargs=hung)
        asking.start()
        asking.join()
        return 200

    hung = {"headers": KEYS, "seconds": 600}
    world = world_with(asks_for_the_hung_one)
    connected(world, "hung")
    faults.hang(world, "hung", honest=False)

    status, _ = ask(world, "GET", "/session/start/s", headers=KEYS, seconds=20)

    assert status == 200
