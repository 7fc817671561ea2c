"""Gateways of other kinds are read like the Node service, and one that cannot be read says so."""

from __future__ import annotations

import httpx
import pytest

from accounts.models import Gateway, GatewaySecret, Incident
from accounts.words.status import Status
from gateways.registry import use_transport
from reconciliation.models import Run
from reconciliation.rollcall.roll_call import call_roll
from tests.cast import NOBODY, make_cast
from tests.gateways.kinds import captured


@pytest.fixture
def cast(db):
    return make_cast()


def becomes(gateway: Gateway, kind: str) -> Gateway:
    secret = GatewaySecret(gateway=gateway, purpose=GatewaySecret.Purpose.API_KEY)
    secret.secret = captured.KEY
    secret.save()
    Gateway.objects.filter(pk=gateway.pk).update(kind=kind)
    return gateway


@pytest.mark.parametrize("kind", ["standard", "a kind of a newer version"])
def test_a_gateway_that_cannot_be_read_says_so(cast, kind):
    report = call_roll(becomes(cast.gateway, kind).pk)

    assert not report.is_readable
    assert report.why.startswith(f"gateways of kind {kind} cannot be read yet")
    assert Run.objects.get().outcome == Run.Outcome.UNREADABLE


def test_nobody_is_called_disconnected_for_it(cast):
    call_roll(becomes(cast.gateway, "standard").pk)

    cast.alice.refresh_from_db()
    assert cast.alice.status == Status.CONNECTED


def test_nobody_is_alarmed_for_what_is_so_by_design(cast):
    """Time does not matter: nothing at that gateway is broken."""
    gateway = becomes(cast.gateway, "standard")
    Gateway.objects.filter(pk=gateway.pk).update(blind_since=cast.ago(3600))
    call_roll(gateway.pk)

    gateway.refresh_from_db()
    assert gateway.blind_why.startswith("gateways of kind standard cannot be read")
    assert not Incident.objects.exists()


def test_a_killed_browser_is_found_at_wwebjs_api(cast):
    gateway = becomes(cast.gateway, "wwebjs_api")
    recording = "03-faults-recover-sessions-false"
    account = cast.an_account("kill9-browser", Status.CONNECTED)
    transport = captured.gateway("wwebjs-api", recording, until="kill9-browser: list")
    ping = httpx.MockTransport(
        lambda call: (
            httpx.Response(200, json={"success": True, "message": "pong"})
            if call.url.path == "/ping"
            else transport.handle_request(call)
        )
    )

    with use_transport(NOBODY, ping):
        report = call_roll(gateway.pk)

    account.refresh_from_db()
    assert report.is_readable
    assert (account.status, account.status_reason) == (Status.DISCONNECTED, "browser_gone")
