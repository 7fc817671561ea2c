"""The simulator is brought into each recorded situation and answers letter for letter alike,
moments and counters aside."""

from __future__ import annotations

import json
import re

import pytest

from simulator import still_world
from simulator.world import faults, process
from simulator.world.seeds import seed
from tests.gateways.kinds import recorded
from tests.simulator.simulated import ask, connected, scanned, waiting

SESSION = "webjs_1_1763264318_rCdIqxMG"
OLDER = "webjs_1_1763264512_KUfMjqya"
NUMBER = "15550100001"

# Put the simulator where the real service was, by the label of the recorded call.
SITUATIONS = {
    "wrong key": lambda world: None,
    "header key only (incident curl)": lambda world: None,
    "unknown status": lambda world: None,
    "delete unknown": lambda world: None,
    "restore": lambda world: None,
    "create": lambda world: None,
    "qr list": lambda world: both_qr(world),
    "qr status": lambda world: waiting(world, SESSION),
    "create again while it exists": lambda world: waiting(world, SESSION),
    "connected list": lambda world: one_hidden(world),
    "connected status": lambda world: one_hidden(world),
    "page state TIMEOUT list": lambda world: one_hidden(world),
    "page state TIMEOUT status": lambda world: one_hidden(world),
    "after SIGKILL list": lambda world: (one_hidden(world), kill(world)),
    "after SIGKILL status": lambda world: (one_hidden(world), kill(world)),
    "validate after SIGKILL": lambda world: (one_hidden(world), kill(world)),
    "health after SIGKILL": lambda world: (one_hidden(world), kill(world)),
    "send to 0, Chromium dead": lambda world: (one_hidden(world), kill(world)),
    "reconnect": lambda world: (one_hidden(world), kill(world)),
    "after reconnect list": lambda world: both(world),
    "after reconnect status": lambda world: both(world),
    "send to 0, alive": lambda world: both(world),
    "Chromium SIGSTOPped list": lambda world: (both(world), stop(world)),
    "Chromium SIGSTOPped status": lambda world: (both(world), stop(world)),
    "send to 0, Chromium stopped": lambda world: (both(world), stop(world)),
    "send to 0, continued": lambda world: (both(world), stop(world), resume(world)),
    "page state CONFLICT list": lambda world: conflict(world),
    "page state CONFLICT status": lambda world: conflict(world),
    "18 s after CONFLICT list": lambda world: (conflict(world), world.advance(18)),
    "18 s after CONFLICT status": lambda world: (conflict(world), world.advance(18)),
    "logged out on the phone list": lambda world: conflict(world),
    "logged out on the phone status": lambda world: conflict(world),
    "disconnect": lambda world: conflict(world),
    "after DELETE list": lambda world: (conflict(world), world.delete(SESSION)),
    "after DELETE status": lambda world: (conflict(world), world.delete(SESSION)),
    "health": lambda world: (conflict(world), world.delete(SESSION)),
}


def both(world):
    connected(world, OLDER, phone_number=NUMBER)
    connected(world, SESSION, phone_number=NUMBER)


def both_qr(world):
    connected(world, OLDER, phone_number=NUMBER)
    faults.unlink(world, OLDER)
    waiting(world, SESSION)


def one_hidden(world):
    both(world)
    faults.set_listed(world, SESSION, listed=False)


def kill(world):
    faults.crash(world, SESSION, honest=False)


def stop(world):
    faults.hang(world, SESSION, honest=False)


def resume(world):
    faults.resume(world, SESSION)


def conflict(world):
    both(world)
    for session_id in (OLDER, SESSION):
        faults.disconnect(world, session_id, reason="CONFLICT")


def without_moments(answer):
    """The answer with every moment, uptime and use of memory made the same."""
    text = json.dumps(answer)
    text = re.sub(r'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"', '"a moment"', text)
    text = re.sub(r'"uptime": [\d.]+', '"uptime": 1.5', text)
    return re.sub(r'"memory": {[^}]*}', '"memory": {}', text)


@pytest.mark.parametrize("line", recorded.calls(), ids=lambda line: line["label"])
def test_it_answers_as_recorded(line):
    world = still_world(lambda *request: 200, strict=True)
    SITUATIONS[line["label"]](world)

    headers = {"X-API-Key": "test-key"} if "header key" in line["label"] else None
    status, answer = ask(world, line["method"], line["path"], line["body"], headers=headers)

    assert status == line["status"]
    assert without_moments(answer) == without_moments(json.loads(line["answer"]))


def test_the_order_of_fields_is_the_recorded_one(world):
    connected(world)
    _, answer = ask(world, "GET", "/api/sessions?api_key=test-key")

    recorded_entry = json.loads(recorded.call("connected list")["answer"])["sessions"][0]
    assert list(answer["sessions"][0]) == list(recorded_entry)


def test_a_dead_browser_tells_only_by_sending(world):
    connected(world)
    faults.crash(world, "s", honest=False)

    status, answer = send_probe(world)

    assert status == 500
    assert answer["error"].startswith("Attempted to use detached Frame '")


def test_a_hung_browser_answers_after_15_seconds(world):
    connected(world)
    faults.hang(world, "s", honest=False)
    before = world.host.paused_seconds

    status, answer = send_probe(world)

    assert (status, world.host.paused_seconds - before) == (500, 15)
    assert answer["error"].startswith("Runtime.callFunctionOn timed out.")


def send_probe(world):
    body = {"session_id": "s", "recipient_phone": "0", "message": "x", "type": "text"}
    return ask(world, "POST", "/api/messages/send", body | {"api_key": "test-key"})


def test_a_message_to_a_number_is_sent_by_a_live_session_only(world, backend):
    connected(world)
    body = {"session_id": "s", "recipient_phone": "15550100009", "api_key": "test-key"}

    status, answer = ask(world, "POST", "/api/messages/send", body)
    assert (status, answer["success"], backend.events) == (200, True, ["message_sent"])

    faults.disconnect(world, "s", reason="NAVIGATION")
    assert ask(world, "POST", "/api/messages/send", body)[0] == 400


@pytest.mark.parametrize("path", ["/api/sessions", "/api/sessions/create"])
def test_the_incidents_create_works_and_names_the_session(world, path):
    body = {"workspace_id": 1, "account_uuid": "xxx"}
    status, answer = ask(world, "POST", path, body, headers={"X-API-Key": "test-key"})

    assert status == 200
    assert re.fullmatch(r"webjs_1_\d{10}_[A-Za-z0-9]{8}", answer["session_id"])


@pytest.mark.parametrize(
    ("strict", "accepted"), [(False, {"header", "query", "body"}), (True, {"query", "body"})]
)
def test_which_keys_count(strict, accepted):
    world = still_world(lambda *request: 200, strict=strict)
    connected(world)
    path = "/api/sessions/s/status"
    asked = {
        "header": ask(world, "GET", path, headers={"X-API-Key": "test-key"}),
        "query": ask(world, "GET", f"{path}?api_key=test-key"),
        "body": ask(world, "DELETE", "/api/sessions/s", {"api_key": "test-key"}),
    }

    assert {way for way, (status, _) in asked.items() if status == 200} == accepted


@pytest.mark.parametrize("key", ["", "test-ke", "TEST-KEY", "test-key2"])
def test_a_wrong_key_is_401(world, key):
    status, answer = ask(world, "GET", "/api/sessions", headers={"X-API-Key": key})

    assert (status, answer) == (401, {"error": "Invalid API key"})


def test_an_unknown_path_is_an_html_404_as_express_says_it(world):
    status, answer = ask(world, "GET", "/api/session")

    assert status == 404
    assert "Cannot GET /api/session" in answer


def test_deleting_removes_the_login_even_of_an_unknown_session(world):
    connected(world)
    faults.lose(world, "s")
    assert set(world.logins) == {"s"}

    status, answer = ask(world, "DELETE", "/api/sessions/s", {"api_key": "test-key"})

    assert (status, answer["alreadyDisconnected"]) == (200, True)
    assert set(world.logins) == set()


def test_reconnect_brings_a_killed_session_back_without_a_scan(world, client, backend):
    scanned(world)
    faults.crash(world, "s", honest=False)
    backend.requests.clear()

    client.restart_session("s", workspace_id=1, account_id=9, deadline_seconds=60)

    assert backend.events == ["session_authenticated", "session_ready"]
    assert world.sessions["s"].is_alive


def test_reconnect_cannot_help_while_the_browser_hangs(world):
    connected(world)
    faults.hang(world, "s", honest=False)
    path, body = "/api/sessions/s/reconnect", {"workspace_id": 1, "api_key": "test-key"}

    assert ask(world, "POST", path, body)[0] == 500
    faults.crash(world, "s", honest=False)
    assert ask(world, "POST", path, body)[0] == 200


def test_a_second_create_hides_the_live_session(world, client):
    connected(world)
    ask(
        world,
        "POST",
        "/api/sessions",
        {"session_id": "s", "workspace_id": 1, "api_key": "test-key"},
    )

    listing = client.list_sessions(deadline_seconds=5)
    session = client.read_session("s", deadline_seconds=5)

    assert (listing.sessions, listing.complete) == ((), True)
    assert (session.state, session.workspace_id) == ("connected", None)
    assert world.sessions["s"].is_alive


def test_uptime_starts_again_with_a_restart_and_not_with_a_pause(world, client):
    world.advance(100)
    process.stop(world)
    process.start(world)
    assert client.health(deadline_seconds=5).uptime_seconds == 100

    process.restart(world)
    assert client.health(deadline_seconds=5).uptime_seconds == 0


def test_an_id_with_odd_characters_is_one_session(world, client):
    seed(world, {"session_id": "a/b ü..", "workspace_id": 1})

    assert client.read_session("a/b ü..", deadline_seconds=5).session_id == "a/b ü.."
