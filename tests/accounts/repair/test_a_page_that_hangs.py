"""A session whose page hangs is repaired: the look before its start gets no answer, while its
gateway answers."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from accounts.models import Account, Gateway, GatewaySecret, Repair
from accounts.repair import repairs, starts
from accounts.repair.targeted_read import confirm
from accounts.store.clock import database_now
from accounts.words.status import Status
from gateways.base import Reason
from gateways.registry import capabilities_of, use_transport
from simulator import still_world
from simulator.served.transport import transport
from simulator.world import faults, process
from tests.simulator.simulated import connected

ADDRESS = "http://gateway-1:3000"
State = Repair.State


def world_of(cast, kind):
    world = still_world(lambda *request: 200, kind=kind, hmac_secret="s" * 32)
    Gateway.objects.filter(pk=cast.gateway.pk).update(kind=kind, base_url=ADDRESS)
    secret = GatewaySecret(gateway=cast.gateway, purpose=GatewaySecret.Purpose.API_KEY)
    secret.secret = "test-key"
    secret.save()
    connected(world, "alice", phone_number="62811801641", workspace_id=cast.acme.pk)
    return world


def restart_by_rollcall(cast) -> Repair:
    """Ask as Rollcall asks of a page that gave no answer time and again, and carry it out."""
    fields = {"status": Status.UNRESPONSIVE, "status_reason": Reason.HUNG}
    Account.objects.filter(pk=cast.alice.pk).update(**fields)
    cast.alice.refresh_from_db()
    can = capabilities_of(Gateway.objects.get(pk=cast.gateway.pk).kind)
    steps = can.steps(Reason.HUNG)
    repairs.ask(cast.alice, by=Repair.Asker.ROLLCALL, actor="rollcall", steps=steps)
    repair = starts.carry_out_due(cast.gateway.pk)
    assert repair is not None
    return repair


@pytest.mark.usefixtures("rung")
@pytest.mark.parametrize("hangs", [faults.hang, faults.crash_tab], ids=["frozen", "crashed tab"])
def test_a_wwebjs_api_session_that_hangs_is_stopped_and_started(cast, hangs):
    world = world_of(cast, "wwebjs_api")
    faults_of = {"honest": False} if hangs is faults.hang else {}
    hangs(world, "alice", **faults_of)
    with use_transport(ADDRESS, transport(world)):
        repair = restart_by_rollcall(cast)
    cast.alice.refresh_from_db()
    assert (repair.state, repair.outcome) == (State.SUCCEEDED, "a read shows it connected")
    assert cast.alice.status == Status.CONNECTED
    assert "alice" in world.logins


@pytest.mark.usefixtures("rung")
@pytest.mark.parametrize("kind", ["wwebjs_api", "wppconnect"])
def test_a_gateway_that_answers_nobody_starts_nothing(cast, kind):
    world = world_of(cast, kind)
    process.freeze(world)
    with use_transport(ADDRESS, transport(world)):
        repair = restart_by_rollcall(cast)
    assert repair.state == State.CANCELLED
    assert "its gateway could not be read" in repair.outcome


@pytest.mark.parametrize("kind", ["wwebjs_api", "wppconnect"])
def test_a_page_that_gives_no_answer_once_changes_no_status(cast, kind):
    world = world_of(cast, kind)
    faults.hang(world, "alice", honest=False)
    with use_transport(ADDRESS, transport(world)):
        outcome = confirm(cast.gateway.pk, "alice")
    assert outcome is not None and outcome.observation.status is None
    assert Account.objects.get(pk=cast.alice.pk).status == cast.alice.status


class _ClosesNever(httpx.BaseTransport):
    """Never answers a request to close a session (observed where the page hangs)."""

    def __init__(self, world) -> None:
        self._inner = transport(world)

    def handle_request(self, request):
        if request.url.path.endswith("close-session"):
            raise httpx.ReadTimeout("no answer", request=request)
        return self._inner.handle_request(request)


@pytest.mark.usefixtures("rung")
def test_a_stop_without_an_answer_holds_the_queue_for_less_than_a_minute(cast):
    world = world_of(cast, "wppconnect")
    faults.hang(world, "alice", honest=False)
    with use_transport(ADDRESS, _ClosesNever(world)):
        repair = restart_by_rollcall(cast)
    assert repair.state == State.UNCLEAR
    assert repair.lease_until - database_now() < timedelta(seconds=60)
