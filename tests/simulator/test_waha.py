"""The simulator as WAHA with its browser engine: what is documented, as its client and the reader
of its webhooks meet it."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from gateways.base import Kind, Pulse, Reason, State
from gateways.kinds.waha.client import WahaClient
from gateways.kinds.waha.webhooks import parse
from simulator import still_world
from simulator.served.transport import transport
from simulator.world import faults, process
from tests.gateways.kinds.documented import waha_session
from tests.simulator.conftest import Backend
from tests.simulator.simulated import NUMBER, ask, connected

KEYS = {"X-Api-Key": "test-key"}


@pytest.fixture
def backend():
    return Backend()


@pytest.fixture
def world(backend):
    return still_world(backend, kind="waha")


@pytest.fixture
def client(world):
    return WahaClient("http://localhost:3001", api_key="test-key", transport=transport(world))


def read(client, session_id="s"):
    session = client.read_session(session_id, deadline_seconds=5)
    return session and (session.state, session.raw_state)


def words(backend):
    return [body["payload"]["status"] for body in backend.bodies]


def test_an_entry_has_the_documented_fields(world):
    connected(world)
    _, [entry] = ask(world, "GET", "/api/sessions?all=true", headers=KEYS)

    assert entry.keys() == waha_session("s").keys()


def test_a_wrong_key_and_an_unknown_session_are_answered_as_documented(world):
    assert ask(world, "GET", "/api/sessions") == (
        401,
        {"message": "Unauthorized", "statusCode": 401},
    )
    assert ask(world, "GET", "/api/sessions/nope", headers=KEYS) == (
        404,
        {"message": "Session not found", "error": "Not Found", "statusCode": 404},
    )


def test_a_list_without_all_hides_what_is_stopped(world, client):
    connected(world, "runs")
    connected(world, "stopped")
    client.stop_session("stopped", workspace_id=1, deadline_seconds=5)

    _, shown = ask(world, "GET", "/api/sessions", headers=KEYS)
    listing = client.list_sessions(deadline_seconds=5)

    assert [one["name"] for one in shown] == ["runs"]
    assert [(one.session_id, one.state) for one in listing.sessions] == [
        ("runs", State.CONNECTED),
        ("stopped", State.DISCONNECTED),
    ]


@pytest.mark.parametrize("breaks", [faults.hang, faults.crash_tab])
def test_a_mute_page_is_working_without_a_state_of_its_engine(world, client, breaks, backend):
    connected(world)
    breaks(world, "s", **({"honest": False} if breaks is faults.hang else {}))
    world.advance(600)

    assert read(client) == (None, "WORKING, but its page gives no answer")
    assert client.probe_session("s", deadline_seconds=16).pulse is Pulse.NO_ANSWER
    assert client.list_sessions(deadline_seconds=5).sessions[0].state is State.CONNECTED
    assert backend.requests == []


def test_a_deaf_page_says_that_all_is_well(world, client):
    connected(world)
    faults.deafen(world, "s")

    assert client.probe_session("s", deadline_seconds=16).pulse is Pulse.ALIVE
    assert not world.sessions["s"].is_alive


def test_a_killed_browser_fails_and_is_started_again_by_itself(world, client, backend):
    connected(world)
    faults.crash(world, "s", honest=False)
    assert read(client) == (State.DISCONNECTED, "FAILED")

    world.advance(2)
    assert read(client) == (State.CONNECTED, "WORKING")
    assert words(backend) == ["FAILED", "STARTING", "WORKING"]


def test_a_page_that_lost_whatsapp_is_looked_at_again(world, client, backend):
    connected(world)
    faults.disconnect(world, "s", reason="TIMEOUT")
    assert client.probe_session("s", deadline_seconds=16).reason is Reason.DEAF
    world.advance(2)
    assert read(client) == (State.DISCONNECTED, "FAILED")
    world.advance(2)

    assert read(client) == (State.CONNECTED, "WORKING")


def test_an_unlinked_session_stays_failed_until_it_is_started_to_show_a_code(world, client):
    connected(world)
    faults.unlink(world, "s")
    world.advance(600)
    assert read(client) == (State.DISCONNECTED, "FAILED")
    assert client.read_qr("s", deadline_seconds=20) is None

    client.start_session("s", workspace_id=1, account_id=1, deadline_seconds=5)
    assert read(client) == (State.QR_SCANNING, "SCAN_QR_CODE")
    assert client.read_qr("s", deadline_seconds=20).startswith("data:image/png;base64,")


def test_stop_keeps_the_login_and_logging_out_starts_from_scratch(world, client):
    connected(world)
    client.stop_session("s", workspace_id=1, deadline_seconds=5)
    client.start_session("s", workspace_id=1, account_id=1, deadline_seconds=5)
    assert read(client) == (State.CONNECTED, "WORKING")

    client.log_out_session("s", workspace_id=1, deadline_seconds=5)
    assert read(client) == (State.QR_SCANNING, "SCAN_QR_CODE")
    assert world.logins == {}


def test_a_restart_cures_a_hung_page(world, client):
    connected(world)
    faults.hang(world, "s", honest=False)
    client.restart_session("s", workspace_id=1, account_id=1, deadline_seconds=60)

    assert read(client) == (State.CONNECTED, "WORKING")


def test_activity_is_the_time_of_our_own_calls(world, client):
    connected(world)
    faults.speak(world, "s")
    _, [before] = ask(world, "GET", "/api/sessions", headers=KEYS)
    read(client)
    _, [after] = ask(world, "GET", "/api/sessions", headers=KEYS)

    assert before["timestamps"] == {"activity": None}
    assert after["timestamps"] == {"activity": int(world.host.now().timestamp() * 1000)}


def test_a_boot_is_seen_and_leaves_the_stopped_ones_stopped(world, client):
    connected(world, "runs")
    connected(world, "stopped")
    world.stop("stopped")
    world.advance(100)
    assert client.health(deadline_seconds=5).uptime_seconds == 100

    process.restart(world)

    assert client.health(deadline_seconds=5).uptime_seconds == 0
    assert (read(client, "runs")[0], read(client, "stopped")[0]) == (
        State.CONNECTED,
        State.DISCONNECTED,
    )


def test_webhooks_are_signed_and_bring_an_id_and_a_time(world, backend):
    connected(world, announce=True)
    _, path, headers, body = backend.requests[0]

    digest = hmac.new(b"test-secret", body, hashlib.sha512).hexdigest()
    event = parse(body)
    assert (path, headers["X-Webhook-Hmac"]) == ("/api/webhooks/waha", digest)
    assert headers["X-Webhook-Hmac-Algorithm"] == "sha512"
    assert (event.state, event.phone_number) == (State.CONNECTED, NUMBER)
    assert event.event_id.startswith("evt_")
    assert abs(event.occurred_at - world.host.now()).total_seconds() < 0.001


def test_each_webhook_is_what_its_reader_expects(world, backend):
    connected(world)
    faults.speak(world, "s")
    faults.acknowledge(world, "s")
    faults.unlink(world, "s")

    heard = [parse(body) for _, _, _, body in backend.requests]
    assert [(one.name, one.kind, one.state) for one in heard] == [
        ("message.any", Kind.LIFE, None),
        ("message", Kind.LIFE, None),
        ("message.ack", Kind.LIFE, None),
        ("session.status", Kind.STATE, State.DISCONNECTED),
    ]


def test_the_same_event_is_sent_fifteen_times_more_after_any_error(world, backend):
    backend.answers = [404, ConnectionRefusedError(), *[500] * 50]
    connected(world, announce=True)
    world.advance(600)

    assert len(backend.requests) == 16
    sent = {(headers["X-Webhook-Request-Id"], body) for _, _, headers, body in backend.requests}
    assert len(sent) == 1
