"""The simulator as Evolution API: what its source does, as its client and the reader of its
webhooks meet it."""

from __future__ import annotations

import jwt
import pytest

from gateways.base import Kind, Reason, Rejected, State
from gateways.kinds.evolution.client import EvolutionClient
from gateways.kinds.evolution.webhooks import parse
from simulator import still_world
from simulator.served.transport import transport
from simulator.state.settings import Failure
from simulator.world import faults
from tests.simulator.conftest import Backend
from tests.simulator.simulated import NUMBER, ask, connected

KEYS = {"apikey": "test-key"}
SECRET = "a-secret-of-thirty-two-characters"


@pytest.fixture
def backend():
    return Backend()


@pytest.fixture
def world(backend):
    return still_world(backend, kind="evolution", hmac_secret=SECRET)


@pytest.fixture
def client(world):
    return EvolutionClient("http://localhost:3001", api_key="test-key", transport=transport(world))


def row_of(world, name="s"):
    _, [row] = ask(world, "GET", f"/instance/fetchInstances?instanceName={name}", headers=KEYS)
    return row["connectionStatus"]


def state(client):
    return client.read_session("s", deadline_seconds=5).state


def heard(backend):
    return [parse(body) for _, _, _, body in backend.requests]


def test_a_wrong_key_and_an_unknown_instance_are_answered_as_in_its_source(world):
    said = {"message": "Unauthorized"}
    assert ask(world, "GET", "/instance/fetchInstances") == (
        401,
        {"status": 401, "error": "Unauthorized", "response": said},
    )
    said = {"message": ['The "nope" instance does not exist']}
    assert ask(world, "GET", "/instance/connectionState/nope", headers=KEYS) == (
        404,
        {"status": 404, "error": "Not Found", "response": said},
    )


def test_a_row_stays_open_while_it_reconnects_without_an_end(world, client, backend):
    connected(world)
    world.faults.whatsapp_unreachable = True
    faults.disconnect(world, "s", reason="408")
    world.advance(3600)

    assert (row_of(world), state(client)) == ("open", State.CONNECTING)
    assert [one.state for one in heard(backend)] == [State.CONNECTING]


def test_a_conflict_is_never_told_and_fought_back(world, client, backend):
    connected(world)
    faults.conflict(world, "s")

    assert [(one.name, one.state) for one in heard(backend)] == [
        ("connection.update", State.CONNECTING),
        ("connection.update", State.CONNECTED),
    ]
    assert state(client) is State.CONNECTED


def test_a_socket_that_died_unnoticed_is_open_everywhere(world, client):
    connected(world)
    faults.deafen(world, "s")

    assert (row_of(world), state(client)) == ("open", State.CONNECTED)
    assert not world.sessions["s"].is_alive

    client.restart_session("s", workspace_id=1, account_id=1, deadline_seconds=5)
    assert world.sessions["s"].is_alive


@pytest.mark.parametrize(
    ("happens", "seen", "reason"),
    [
        (faults.unlink, State.LOGGED_OUT, Reason.UNLINKED),
        (faults.block, State.BLOCKED, Reason.LOGIN_REFUSED),
    ],
)
def test_the_end_of_a_login_is_told_twice_and_closes_the_row(
    world, client, backend, happens, seen, reason
):
    connected(world)
    happens(world, "s")

    assert [(one.name, one.state, one.reason) for one in heard(backend)] == [
        ("status.instance", seen, reason),
        ("connection.update", seen, reason),
    ]
    assert (row_of(world), state(client), world.logins) == ("close", State.DISCONNECTED, {})


def test_one_that_is_closed_is_connected_to_show_a_code(world, client, backend):
    connected(world)
    faults.unlink(world, "s")
    client.restart_session("s", workspace_id=1, account_id=1, deadline_seconds=5)

    assert client.read_qr("s", deadline_seconds=5).startswith("data:image/png;base64,")
    last = heard(backend)[-1]
    assert (last.name, last.state) == ("qrcode.updated", State.QR_SCANNING)
    assert last.qr_code == world.sessions["s"].qr_picture

    faults.scan(world, "s", phone_number=NUMBER)
    assert client.read_session("s", deadline_seconds=5).phone_number == NUMBER


def test_a_restart_of_one_that_is_closed_fails_with_200(world):
    connected(world)
    faults.unlink(world, "s")
    status, answer = ask(world, "POST", "/instance/restart/s", headers=KEYS)

    assert (status, answer["error"]) == (200, True)


def test_logging_out_deletes_the_login_and_refuses_one_that_is_closed(world, client):
    connected(world)
    client.log_out_session("s", workspace_id=1, deadline_seconds=5)
    assert (state(client), world.logins) == (State.DISCONNECTED, {})

    with pytest.raises(Rejected, match="is not connected"):
        client.log_out_session("s", workspace_id=1, deadline_seconds=5)


def test_codes_that_nobody_scans_end_with_a_refusal(world, backend):
    ask(world, "POST", "/instance/create", {"instanceName": "s", "qrcode": True}, headers=KEYS)
    world.advance(3600)

    last = heard(backend)[-2:]
    assert [(one.state, one.reason) for one in last] == [
        (State.DISCONNECTED, Reason.QR_EXPIRED),
        (State.DISCONNECTED, Reason.QR_EXPIRED),
    ]
    assert row_of(world) == "close"


def test_it_has_no_browser_that_could_die(world):
    connected(world)
    with pytest.raises(Failure, match="has no browser"):
        faults.crash(world, "s", honest=False)


def test_webhooks_bring_a_token_signed_by_the_secret_or_the_key(world, backend):
    connected(world, announce=True)
    world.faults.webhooks.key_only = True
    faults.speak(world, "s")
    signed, keyed = (headers for _, _, headers, _ in backend.requests)

    token = signed["Authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, SECRET, algorithms=["HS256"])
    assert (claims["app"], claims["action"]) == ("evolution", "webhook")
    assert keyed["apikey"] == "test-key"
    assert [one.kind for one in heard(backend)] == [Kind.STATE, Kind.LIFE]


def test_a_late_retry_brings_the_token_of_the_first_try(world, backend):
    backend.answers = [500] * 50
    connected(world, announce=True)
    world.advance(3600)

    assert len(backend.requests) == 10
    assert len({headers["Authorization"] for _, _, headers, _ in backend.requests}) == 1


def test_what_is_answered_with_404_is_dropped_for_good(world, backend):
    backend.answers = [404]
    connected(world, announce=True)
    world.advance(3600)

    assert len(backend.requests) == 1
