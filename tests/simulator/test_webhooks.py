"""The simulator's webhooks: as the recorded ones, and with what can go wrong on their way."""

from __future__ import annotations

import json
import random

import pytest

from gateways.base import Kind, webhook_path
from gateways.kinds.webjs.webhooks import parse
from gateways.kinds.webjs.words import WRONG_PATHS, signature
from simulator.behaviours import webjs_events
from simulator.state.sessions import SimulatedSession, Truth
from simulator.world import faults
from tests.gateways.kinds import recorded
from tests.simulator.simulated import NUMBER, connected, control, scanned


def say_all(world):
    """Send one of each event that the simulator knows."""
    scanned(world)
    faults.speak(world, "s")
    faults.acknowledge(world, "s")
    faults.report_error(world, "s", error="webhook_send_failed")
    faults.disconnect(world, "s", reason="CONFLICT")
    faults.give_up(world, "s")
    faults.unlink(world, "s")
    world.sender.send(webjs_events.connection_test(world.host.now()))
    world.settle()


def shape(value):
    """Names, order and types."""
    if isinstance(value, dict):
        return [(name, shape(inner)) for name, inner in value.items()]
    return type(value).__name__


def test_its_bodies_have_the_recorded_shapes(world, backend):
    say_all(world)
    shapes = {body["event"]: shape(body) for body in backend.bodies}

    for line in recorded.webhooks():
        body = json.loads(line["body"])
        assert shapes[body["event"]] == shape(body)


def test_its_bodies_are_written_as_the_recorded_ones(world, backend):
    scanned(world)
    line = next(one for one in recorded.webhooks() if "session_ready" in one["body"])
    expected = (
        line["body"].replace("15550100001", NUMBER).replace("webjs_1_1763264512_KUfMjqya", "s")
    )

    assert backend.requests[-1][3].decode() == expected


def test_its_headers_are_the_recorded_ones(world, backend):
    say_all(world)
    method, path, headers, body = backend.requests[0]
    added_by_the_network = {"Content-Length", "Accept-Encoding", "Host"}

    assert (method, path) == ("POST", webhook_path("webjs"))
    assert set(headers) == set(recorded.webhooks()[0]["headers"]) - added_by_the_network
    assert headers["X-HMAC-Signature"] == signature("test-secret", headers["X-Timestamp"], body)
    assert int(headers["X-Timestamp"]) == int(world.host.now().timestamp())
    assert headers["X-Instance-Url"] == "http://localhost:3001"


def test_everything_it_sends_can_be_read(world, backend):
    say_all(world)
    kinds = {parse(body).kind for _, _, _, body in backend.requests}

    assert kinds == {Kind.STATE, Kind.HINT, Kind.LIFE, Kind.CANARY}


def test_a_picture_is_a_png():
    session = SimulatedSession(
        session_id="s",
        workspace_id=1,
        status="qr_scanning",
        truth=Truth.QR_SCANNING,
        last_activity=None,
    )
    raw = json.dumps(webjs_events.qr_code_generated(session, random.Random(1))).encode()

    assert parse(raw).qr_code.startswith("data:image/png;base64,iVBORw0KGgo")


@pytest.mark.parametrize(
    ("answer", "waits"),
    [
        (ConnectionRefusedError(), (2, 4, 8)),
        (TimeoutError(), (2, 4, 8)),
        (429, (1, 2, 4)),
    ],
)
def test_it_tries_again_as_the_real_one_and_signs_anew(world, backend, answer, waits):
    backend.answers = [answer] * 10
    connected(world, announce=True)
    for attempt, wait in enumerate(waits, start=1):
        world.advance(wait - 0.1)
        assert len(backend.requests) == attempt
        world.advance(0.1)
    world.advance(3600)

    stamps = [int(headers["X-Timestamp"]) for _, _, headers, _ in backend.requests]
    assert len(backend.requests) == 4
    assert [stamp - stamps[0] for stamp in stamps] == [
        sum(waits[:count]) for count in range(len(waits) + 1)
    ]
    assert len({body for _, _, _, body in backend.requests}) == 1


def test_a_retry_that_arrives_ends_it(world, backend):
    backend.answers = [ConnectionRefusedError(), 200]
    connected(world, announce=True)
    world.advance(3600)

    assert len(backend.requests) == 2


@pytest.mark.parametrize("status", [400, 401, 404, 500, 503])
def test_any_other_error_is_only_logged(world, backend, status):
    backend.answers = [status]
    connected(world, announce=True)
    world.advance(3600)

    assert len(backend.requests) == 1
    assert world.sender.last[-1]["outcome"] == str(status)


def losses(world, count=1):
    for _ in range(count):
        faults.disconnect(world, "s", reason="NAVIGATION")


@pytest.fixture
def session(world):
    return connected(world)


def test_they_can_be_dropped(world, backend, session):
    control(world, "webhooks", {"drop": 2})
    losses(world, 3)

    assert len(backend.requests) == 1


def test_they_can_be_silenced(world, backend, session):
    control(world, "webhooks", {"silent": True})
    losses(world, 3)
    control(world, "webhooks", {})
    losses(world)

    assert len(backend.requests) == 1


def test_they_can_be_doubled(world, backend, session):
    control(world, "webhooks", {"duplicate": 2})
    losses(world)

    assert len({body for _, _, _, body in backend.requests}) == 1
    assert len(backend.requests) == 3


def test_they_can_be_late_and_look_fresh(world, backend, session):
    control(world, "webhooks", {"delay_seconds": 400})
    losses(world)
    world.advance(399)
    assert backend.requests == []
    world.advance(1)

    stamp = int(backend.requests[0][2]["X-Timestamp"])
    assert stamp == int(world.host.now().timestamp())


def test_they_can_overtake_each_other(world, backend, session):
    control(world, "webhooks", {"reorder": 3})
    for reason in ("first", "second"):
        faults.disconnect(world, "s", reason=reason)
    assert backend.requests == []
    faults.disconnect(world, "s", reason="third")
    world.advance(1)

    assert [body["data"]["reason"] for body in backend.bodies] == ["third", "second", "first"]


def test_what_is_held_back_can_be_released(world, backend, session):
    control(world, "webhooks", {"reorder": 3})
    losses(world, 2)
    control(world, "webhooks/release")
    world.advance(1)

    assert len(backend.requests) == 2


@pytest.mark.parametrize("path", [*WRONG_PATHS, "/api/hooks/wa"])
def test_they_can_go_astray(world, backend, session, path):
    control(world, "webhooks", {"path": path})
    losses(world)

    assert backend.requests[0][1] == path


def test_they_can_be_signed_with_a_wrong_secret(world, backend, session):
    control(world, "webhooks", {"wrong_secret": True})
    losses(world)
    _, _, headers, body = backend.requests[0]

    assert headers["X-HMAC-Signature"] != signature("test-secret", headers["X-Timestamp"], body)


def test_their_clock_can_be_wrong(world, backend, session):
    control(world, "webhooks", {"clock_skew_seconds": -412})
    losses(world)
    _, _, headers, body = backend.requests[0]

    assert int(headers["X-Timestamp"]) == int(world.host.now().timestamp()) - 412
    assert headers["X-HMAC-Signature"] == signature("test-secret", headers["X-Timestamp"], body)


def test_an_older_version_sends_the_key_and_no_signature(world, backend, session):
    control(world, "webhooks", {"key_only": True})
    losses(world)
    headers = backend.requests[0][2]

    assert headers["X-API-Key"] == "test-key"
    assert not {"X-HMAC-Signature", "X-Timestamp"} & set(headers)


def test_any_body_can_be_sent(world, backend):
    control(world, "webhooks/send", {"event": "wormhole_opened", "data": {"session_id": "\ud800"}})

    assert backend.requests[0][3] == b'{"event":"wormhole_opened","data":{"session_id":"\\ud800"}}'


def test_what_became_of_them_is_remembered_without_their_content(world, backend):
    backend.answers = [404]
    connected(world, announce=True)
    outcome = control(world, "world", method="GET")["webhooks"]

    assert outcome["outcomes"] == {"404": 1}
    assert set(outcome["last"][0]) == {"event", "session_id", "path", "attempt", "outcome", "at"}
