"""A start that does not end is a failed one, whatever its gateway goes on saying."""

from __future__ import annotations

import pytest

from accounts.models import Gateway, GatewaySecret, Repair
from accounts.repair import repairs, starts
from accounts.words.status import Source, Status
from gateways.base import Reason, Step
from gateways.registry import capabilities_of, use_transport
from reconciliation.rollcall.roll_call import call_roll
from simulator import still_world
from simulator.served.transport import transport
from tests.cast import make_cast, see

ADDRESS = "http://gateway-1:3000"
KINDS = ["wppconnect", "waha", "evolution"]


@pytest.fixture
def cast(db):
    cast = make_cast()
    for other in (cast.alice, cast.bob, cast.charlie):
        other.session_id = None
        other.save()
    return cast


def starting(cast, kind, *, seconds):
    """A gateway whose start hangs, as WPPConnect's was seen to for five minutes."""
    world = still_world(lambda *request: 200, kind=kind, hmac_secret="s" * 32)
    Gateway.objects.filter(pk=cast.gateway.pk).update(kind=kind, base_url=ADDRESS)
    secret = GatewaySecret(gateway=cast.gateway, purpose=GatewaySecret.Purpose.API_KEY)
    secret.secret = "test-key"
    secret.save()
    world.faults.whatsapp_unreachable = True
    world.start("dana", 1)
    world.settle()
    return world, cast.an_account("dana", Status.CONNECTING, status_since=cast.ago(seconds))


def called(cast, world, account):
    with use_transport(ADDRESS, transport(world)):
        assert call_roll(cast.gateway.pk).is_readable
    account.refresh_from_db()
    return account.status, account.status_reason


def limit(kind):
    seconds = capabilities_of(kind).starts_within_seconds
    assert seconds is not None
    return seconds


@pytest.mark.parametrize("kind", KINDS)
def test_it_has_failed_after_the_limit_of_its_kind(cast, kind):
    world, dana = starting(cast, kind, seconds=limit(kind) + 5)
    assert called(cast, world, dana) == (Status.DISCONNECTED, Reason.START_STUCK)


@pytest.mark.parametrize("kind", KINDS)
def test_until_then_it_is_starting(cast, kind):
    world, dana = starting(cast, kind, seconds=limit(kind) - 30)
    status, _ = called(cast, world, dana)
    assert status == Status.CONNECTING


@pytest.mark.parametrize("source", [Source.READ, Source.LIST])
def test_no_read_that_says_starting_revives_it(cast, source):
    dana = cast.an_account("dana", Status.DISCONNECTED, status_reason=Reason.START_STUCK)
    see(dana, Status.CONNECTING, at=cast.ago(1), source=source, reason=Reason.LISTED)
    assert (dana.status, dana.status_reason) == (Status.DISCONNECTED, Reason.START_STUCK)
    see(dana, Status.CONNECTED, at=cast.now, source=source)
    assert dana.status == Status.CONNECTED


def test_nor_one_that_repair_has_given_up(cast):
    fields = {"status_reason": Reason.REPAIR_GAVE_UP}
    dana = cast.an_account("dana", Status.FAILED, **fields)
    see(dana, Status.CONNECTING, at=cast.ago(1), source=Source.LIST, reason=Reason.LISTED)
    assert dana.status == Status.FAILED


def test_an_event_that_says_starting_does(cast):
    dana = cast.an_account("dana", Status.DISCONNECTED, status_reason=Reason.START_STUCK)
    see(dana, Status.CONNECTING, at=cast.ago(1))
    assert dana.status == Status.CONNECTING


def test_a_start_of_ours_begins_it_anew_and_cures_it(cast, monkeypatch):
    world, dana = starting(cast, "wppconnect", seconds=600)
    assert called(cast, world, dana) == (Status.DISCONNECTED, Reason.START_STUCK)
    steps = (Step.STOP, Step.START)
    assert capabilities_of("wppconnect").steps(Reason.START_STUCK) == steps
    monkeypatch.setattr("accounts.store.enqueue.enqueue_task", lambda *arguments: None)
    with use_transport(ADDRESS, transport(world)):
        repairs.ask(dana, by=Repair.Asker.ROLLCALL, actor="rollcall", steps=steps)
        repair = starts.carry_out_due(cast.gateway.pk)
    dana.refresh_from_db()
    assert repair is not None
    assert repair.state == Repair.State.SUCCEEDED, repair.outcome
    assert dana.status == Status.CONNECTING
