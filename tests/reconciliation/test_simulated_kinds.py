"""Roll call of each kind of gateway, at a simulated one that lost a session in its own way."""

from __future__ import annotations

from functools import partial

import pytest

from accounts.models import Gateway, GatewaySecret
from accounts.words.status import Status
from gateways.registry import use_transport
from reconciliation.rollcall.roll_call import call_roll
from simulator import still_world
from simulator.served.transport import transport
from simulator.world import faults
from tests.cast import make_cast
from tests.simulator.simulated import connected

ADDRESS = "http://gateway-1:3000"
killed = partial(faults.crash, honest=False)
LOSSES = [
    ("wwebjs_api", killed, Status.DISCONNECTED, "browser_gone"),
    ("wwebjs_api", faults.unlink, Status.QR_SCANNING, "listed"),
    ("waha", faults.unlink, Status.DISCONNECTED, "session_error"),
    ("evolution", faults.unlink, Status.DISCONNECTED, "listed"),
    ("wppconnect", killed, Status.DISCONNECTED, "browser_gone"),
    ("wppconnect", faults.unlink, Status.QR_SCANNING, "listed"),
]


@pytest.mark.parametrize(("kind", "loses", "status", "reason"), LOSSES)
def test_a_roll_call_finds_who_is_lost_and_leaves_the_others(db, kind, loses, status, reason):
    cast = make_cast()
    world = still_world(lambda *request: 200, kind=kind, hmac_secret="s" * 32)
    Gateway.objects.filter(pk=cast.gateway.pk).update(kind=kind, base_url=ADDRESS)
    GatewaySecret.objects.create(
        gateway=cast.gateway, purpose=GatewaySecret.Purpose.API_KEY, secret="test-key"
    )
    lost = cast.an_account("lost", Status.CONNECTED)
    for account in (cast.alice, lost):
        connected(world, account.session_id, phone_number=account.phone_number)
    loses(world, "lost")

    with use_transport(ADDRESS, transport(world)):
        report = call_roll(cast.gateway.pk)

    lost.refresh_from_db()
    cast.alice.refresh_from_db()
    assert report.is_readable
    assert (lost.status, lost.status_reason) == (status, reason)
    assert cast.alice.status == Status.CONNECTED
