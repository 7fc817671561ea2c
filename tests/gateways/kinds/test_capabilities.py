"""What a kind is said to be able to do, its client does; what it cannot do, it does not try."""

from __future__ import annotations

from contextlib import suppress

import pytest

from gateways.base import GatewayError, ProbeKind, Pulse, Reason, Step
from gateways.kind import HEARD_ONLY
from gateways.registry import KINDS, capabilities_of, clients
from tests.gateways.kinds.clients import Gateway, client

HEALTH = {
    "webjs": Gateway(health=(200, {"status": "healthy", "uptime": 3600.5})),
    "wwebjs_api": Gateway(ping=(200, {"success": True, "message": "pong"})),
    "waha": Gateway(status=(200, {"startTimestamp": 1764000000000, "uptime": 3_600_500})),
    "evolution": Gateway(),
    "wppconnect": Gateway(healthz=(200, {"uptime": 3600.5, "message": "OK"})),
}
# A session that is all right, as each kind shows it.
WELL = {
    "webjs": Gateway(
        status=(200, {"session_id": "alice", "status": "connected", "workspace_id": 1}),
        send=(500, {"error": "Cannot read properties of undefined (reading 'createWid')"}),
    ),
    "wwebjs_api": Gateway(
        status=(200, {"success": True, "state": "CONNECTED", "message": "session_connected"})
    ),
    "waha": Gateway(
        alice=(
            200,
            {
                "name": "alice",
                "status": "WORKING",
                "engine": {"engine": "WEBJS", "state": "CONNECTED"},
            },
        )
    ),
    "evolution": Gateway(alice=(200, {"instance": {"state": "open"}})),
    "wppconnect": Gateway(
        status_session=(200, {"status": "CONNECTED"}),
        check_connection_session=(200, {"status": True}),
    ),
}


@pytest.mark.parametrize("kind", clients())
def test_a_boot_is_seen_where_it_says_so(kind):
    uptime = client(kind, HEALTH[kind]).health(deadline_seconds=5).uptime_seconds
    assert uptime == (3600.5 if capabilities_of(kind).sees_boot else None)


@pytest.mark.parametrize("kind", clients())
def test_a_live_page_is_proved_where_it_says_so(kind):
    met = client(kind, WELL[kind]).probe_session("alice", deadline_seconds=16)
    can_prove = capabilities_of(kind).probe is not ProbeKind.NONE
    assert met.pulse is (Pulse.ALIVE if can_prove else Pulse.UNCLEAR)


@pytest.mark.parametrize("kind", clients())
@pytest.mark.parametrize("verb", ["stop", "log out"])
def test_what_it_cannot_do_is_not_tried(kind, verb):
    can = capabilities_of(kind)
    gateway = Gateway()
    calls = client(kind, gateway)
    tell = calls.stop_session if verb == "stop" else calls.log_out_session

    with pytest.raises(GatewayError):  # it knows no such call
        tell("alice", workspace_id=1, deadline_seconds=5)

    assert bool(gateway.asked) is (can.can_stop if verb == "stop" else can.can_log_out)


@pytest.mark.parametrize("kind", clients())
def test_a_code_is_asked_for_where_it_can_be(kind):
    gateway = Gateway()
    with suppress(GatewayError):
        client(kind, gateway).read_qr("alice", deadline_seconds=5)
    assert bool(gateway.asked) is capabilities_of(kind).can_show_qr


@pytest.mark.parametrize("kind", clients())
def test_no_ladder_has_a_step_that_deletes_a_login(kind):
    can = capabilities_of(kind)
    steps = {step for ladder in can.ladder.values() for step in ladder}
    assert can.stop_keeps_login is not False or Step.STOP not in steps
    assert can.can_stop or Step.STOP not in steps


def test_what_cannot_be_called_can_do_nothing():
    [heard_only] = set(KINDS) - set(clients())
    assert capabilities_of(heard_only) is HEARD_ONLY
    assert HEARD_ONLY.steps(Reason.BROWSER_GONE) == ()
