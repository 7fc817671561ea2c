"""Roll calls at gateways whose status lags behind what their events have told."""

from __future__ import annotations

import pytest

from accounts.models import Gateway, GatewaySecret
from accounts.words.status import Source, Status
from gateways.registry import use_transport
from reconciliation.models import Finding
from reconciliation.rollcall.roll_call import call_roll
from simulator import still_world
from simulator.served.transport import transport
from simulator.world import faults
from tests.cast import make_cast, see
from tests.simulator.simulated import connected

ADDRESS = "http://gateway-1:3000"
NUMBER = "62811801649"


@pytest.fixture
def cast(db):
    return make_cast()


@pytest.fixture
def at(cast):
    """A simulated gateway of a kind, which sends no webhook, and an account at it."""

    def gateway(kind, status):
        Gateway.objects.filter(pk=cast.gateway.pk).update(kind=kind, base_url=ADDRESS)
        secret = {"purpose": GatewaySecret.Purpose.API_KEY, "secret": "test-key"}
        GatewaySecret.objects.create(gateway=cast.gateway, **secret)
        long_ago = {"read_at": cast.ago(99), "observed_at": None, "phone_number": NUMBER}
        world = still_world(lambda *request: 200, kind=kind, hmac_secret="s" * 32)
        connected(world, "dana", phone_number=NUMBER)
        for other in (cast.alice, cast.bob, cast.charlie):
            other.session_id = None
            other.save()
        return world, cast.an_account("dana", status, **long_ago)

    return gateway


def called(cast, world, account):
    with use_transport(ADDRESS, transport(world)):
        report = call_roll(cast.gateway.pk)
    assert report.is_readable
    account.refresh_from_db()
    return {finding.kind for finding in report.findings}


def test_wppconnect_s_qrcode_after_a_scan_moves_nothing(cast, at):
    world, dana = at("wppconnect", Status.CONNECTED)
    faults.unlink(world, "dana")
    faults.scan(world, "dana", phone_number=NUMBER)
    see(dana, Status.QR_SCANNING, at=cast.ago(9))
    see(dana, Status.CONNECTED, at=cast.ago(5), raw="inChat")
    assert Finding.Kind.DIFFERS not in called(cast, world, dana)
    assert dana.status == Status.CONNECTED


def test_wppconnect_s_unlink_is_read_though_its_check_says_connected(cast, at):
    world, dana = at("wppconnect", Status.CONNECTED)
    see(dana, Status.CONNECTED, at=cast.ago(5), source=Source.READ)
    faults.unlink(world, "dana")
    called(cast, world, dana)
    assert dana.status == Status.QR_SCANNING


def test_evolution_s_connecting_does_not_hide_a_code(cast, at):
    world, dana = at("evolution", Status.CONNECTING)
    faults.unlink(world, "dana")
    world.start("dana", 1)
    world.settle()
    see(dana, Status.QR_SCANNING, at=cast.ago(1))
    assert Finding.Kind.DIFFERS not in called(cast, world, dana)
    assert dana.status == Status.QR_SCANNING
