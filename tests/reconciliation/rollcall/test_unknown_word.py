"""A word that is in no table is shown as such; it is not called absence."""

from __future__ import annotations

import httpx
import pytest

from accounts.explain.explanation import explain
from accounts.models import Gateway, GatewaySecret
from accounts.words.status import Status
from gateways.base import Reason
from gateways.registry import use_transport
from reconciliation.models import Finding
from reconciliation.rollcall.roll_call import call_roll
from tests.cast import make_cast
from tests.gateways.kinds.clients import Gateway as Answers

ADDRESS = "http://gateway-1:3000"
SAYS = "the gateway says HIBERNATING, which Rollcall does not know"
WORD = "HIBERNATING"
ENTRY = {"session_id": "dana", "status": WORD, "workspace_id": None}
LISTS = {
    "webjs": Answers(
        health=(200, {"status": "healthy", "uptime": 9.5}),
        sessions=(200, {"success": True, "sessions": [ENTRY], "total": 1}),
    ),
    "waha": Answers(
        status=(200, {"uptime": 9500}), sessions=(200, [{"name": "dana", "status": WORD}])
    ),
    "evolution": Answers(
        fetchInstances=(200, [{"name": "dana"}]),
        dana=(200, {"instance": {"state": WORD}}),
    ),
    "wppconnect": Answers(
        **{
            "healthz": (200, {"uptime": 9.5}),
            "generate-token": (201, {"token": "t"}),
            "show-all-sessions": (200, {"response": ["dana"]}),
            "status-session": (200, {"status": WORD}),
        }
    ),
    "wwebjs_api": Answers(
        ping=(200, {"success": True}),
        getSessions=(200, {"success": True, "result": ["dana"]}),
        dana=(200, {"success": True, "state": WORD, "message": "session_connected"}),
    ),
}


@pytest.fixture
def cast(db):
    cast = make_cast()
    for other in (cast.alice, cast.bob, cast.charlie):
        other.session_id = None
        other.save()
    return cast


def called(cast, kind, account):
    Gateway.objects.filter(pk=cast.gateway.pk).update(kind=kind, base_url=ADDRESS)
    secret = GatewaySecret(gateway=cast.gateway, purpose=GatewaySecret.Purpose.API_KEY)
    secret.secret = "test-key"
    secret.save()
    with use_transport(ADDRESS, httpx.MockTransport(LISTS[kind])):
        report = call_roll(cast.gateway.pk)
    assert report.is_readable, report.why
    account.refresh_from_db()
    return [(one.kind, one.why) for one in report.findings]


@pytest.mark.parametrize("kind", LISTS)
def test_a_live_status_gives_way_to_it_with_the_second_list(cast, kind):
    seen = {"unshown_since": cast.ago(20)}
    dana = cast.an_account("dana", Status.CONNECTED, **seen)
    [(found, why)] = called(cast, kind, dana)
    assert (found, why) == (
        Finding.Kind.DIFFERS,
        "the gateway says 'HIBERNATING', which Rollcall does not know",
    )
    assert (dana.status, dana.status_reason) == (Status.UNKNOWN, Reason.UNKNOWN_WORD)
    assert dana.status_raw == WORD
    assert SAYS in explain(dana, cast.now).sentence


@pytest.mark.parametrize("kind", LISTS)
def test_one_list_is_only_noted(cast, kind):
    dana = cast.an_account("dana", Status.CONNECTED)
    [(found, why)] = called(cast, kind, dana)
    assert "which Rollcall does not know" in why
    assert dana.status == Status.CONNECTED
