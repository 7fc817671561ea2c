"""The repair ladder of each kind, climbed by its client against that kind as it is simulated: the
session comes back, keeps its login, and takes no other session with it."""

from __future__ import annotations

import pytest

from gateways.base import ProbeKind, Pulse, Reason, Rejected, State, Step, Withheld
from gateways.registry import capabilities_of, clients
from simulator import still_world
from simulator.served.transport import transport
from simulator.world import faults
from tests.simulator.conftest import BASE_URL, Backend
from tests.simulator.simulated import NUMBER, connected, waiting

IDS = {"workspace_id": 1, "account_id": 9}
HAVE_A_PAGE = [kind for kind in clients() if capabilities_of(kind).probe is not ProbeKind.NONE]
FAULTS = {
    "the browser was killed": (
        lambda world: faults.crash(world, "alice", honest=False),
        Reason.BROWSER_GONE,
    ),
    "the page hangs": (lambda world: faults.hang(world, "alice", honest=False), Reason.HUNG),
}


@pytest.fixture
def make():
    def made(kind):
        world = still_world(Backend(), kind=kind, hmac_secret="a-secret-of-32-characters-or-more")
        client = clients()[kind](BASE_URL, api_key="test-key", transport=transport(world))
        return world, client

    return made


def climb(client, steps):
    for step in steps:
        if step is Step.STOP:
            client.stop_session("alice", workspace_id=1, deadline_seconds=20)
        else:
            start = client.start_session if step is Step.START else client.restart_session
            start("alice", **IDS, deadline_seconds=70)


def pulse(client, session_id="alice"):
    return client.probe_session(session_id, deadline_seconds=16).pulse


CURABLE = [
    (kind, fault)
    for kind in HAVE_A_PAGE
    for fault in FAULTS
    if (kind, fault) != ("webjs", "the page hangs")
]


@pytest.mark.parametrize(("kind", "fault"), CURABLE)
def test_its_own_ladder_brings_it_back(make, kind, fault):
    happens, reason = FAULTS[fault]
    world, client = make(kind)
    connected(world, "alice")
    connected(world, "bob", phone_number="62811801642")
    assert pulse(client) is Pulse.ALIVE

    happens(world)
    assert pulse(client) is not Pulse.ALIVE
    climb(client, capabilities_of(kind).steps(reason))
    world.settle()

    assert pulse(client) is Pulse.ALIVE
    assert pulse(client, "bob") is Pulse.ALIVE
    read = client.read_session("alice", deadline_seconds=5)
    assert (read.state, read.phone_number) == (State.CONNECTED, NUMBER)
    assert {"alice", "bob"} <= set(world.logins)


def test_the_node_service_cannot_bring_back_a_page_that_hangs(make):
    """The browser must be killed first, which no call of the service does: its answer is shown."""
    world, client = make("webjs")
    connected(world, "alice")
    faults.hang(world, "alice", honest=False)

    with pytest.raises(Rejected, match="Runtime.callFunctionOn timed out"):
        climb(client, capabilities_of("webjs").steps(Reason.HUNG))
    assert "alice" in world.logins


@pytest.mark.parametrize("kind", clients())
def test_logging_out_deletes_the_login_and_pausing_keeps_it(make, kind):
    world, client = make(kind)
    connected(world, "alice")
    can = capabilities_of(kind)
    if can.can_stop and client.keeps_login(deadline_seconds=5):
        client.stop_session("alice", workspace_id=1, deadline_seconds=20)
        assert "alice" in world.logins
        client.start_session("alice", **IDS, deadline_seconds=70)
        world.settle()
        assert client.read_session("alice", deadline_seconds=5).state is State.CONNECTED

    client.log_out_session("alice", workspace_id=1, deadline_seconds=20)
    world.settle()

    assert "alice" not in world.logins


@pytest.mark.parametrize("kind", [kind for kind in clients() if capabilities_of(kind).can_show_qr])
def test_what_waits_for_a_scan_shows_its_code_as_a_png(make, kind):
    world, client = make(kind)
    waiting(world, "alice")

    address = client.read_qr("alice", deadline_seconds=17)
    assert address.startswith("data:image/png;base64,iVBORw0KGgo")

    faults.scan(world, "alice", phone_number=NUMBER)
    world.settle()
    assert client.read_qr("alice", deadline_seconds=17) is None


def test_a_page_that_left_whatsapp_costs_no_other_session(make):
    world, client = make("wwebjs_api")
    connected(world, "alice")
    connected(world, "bob", phone_number="62811801642")
    faults.leave(world, "alice")

    for step in (Step.RESTART, Step.STOP):
        with pytest.raises(Withheld):
            climb(client, [step])

    assert pulse(client, "bob") is Pulse.ALIVE
    assert pulse(client) is Pulse.NO_ANSWER
