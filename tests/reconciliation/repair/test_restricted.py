"""WhatsApp limits a number that stays connected: a mark with its end, told, and not repaired."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from accounts.explain.explanation import explain
from accounts.models import Gateway, GatewaySecret, Incident
from accounts.words.status import Source, Status
from dashboard.wording.account_row import beside_status
from gateways.base import MESSAGE_CAPPING, REACHOUT_TIMELOCK, Restriction
from gateways.kinds.waha.webhooks import parse
from gateways.registry import use_transport
from reconciliation.repair.governor import govern
from reconciliation.rollcall.roll_call import call_roll
from tests.cast import make_cast, see
from tests.gateways.kinds.clients import Gateway as Answers

ADDRESS = "http://gateway-1:3000"
ENDS = datetime(2126, 7, 16, 12, 33, 50, tzinfo=UTC)
LOCK = {
    "isActive": True,
    "enforcementType": "RESTRICT_ALL_COMPANIONS",
    "timeEnforcementEnds": "2126-07-16T12:33:50.000Z",
}
CAPPED = {"cappingStatus": "CAPPED", "totalQuota": 20, "usedQuota": 20, "cycleEnd": 4939533230}
WARNED = CAPPED | {"cappingStatus": "FIRST_WARNING"}
LOCKED, FREE = Restriction(code=REACHOUT_TIMELOCK, until=ENDS), Restriction()
SAID = [
    ({"reachoutTimelock": LOCK}, LOCKED),
    ({"reachoutTimelock": LOCK, "messageCapping": CAPPED}, LOCKED),
    (
        {"reachoutTimelock": None, "messageCapping": CAPPED},
        Restriction(code=MESSAGE_CAPPING, until=datetime.fromtimestamp(4939533230, UTC)),
    ),
    ({"messageCapping": WARNED}, FREE),
    ({"reachoutTimelock": {"isActive": False}}, FREE),
    (
        {"reachoutTimelock": LOCK | {"timeEnforcementEnds": "soon"}},
        Restriction(code=REACHOUT_TIMELOCK),
    ),
    ({}, None),
]


@pytest.fixture
def cast(db, monkeypatch):
    monkeypatch.setattr("accounts.store.enqueue._send", lambda task, args: None)
    cast = make_cast()
    for other in (cast.alice, cast.bob, cast.charlie):
        other.session_id = None
        other.save()
    Gateway.objects.filter(pk=cast.gateway.pk).update(kind="waha", base_url=ADDRESS)
    secret = GatewaySecret(gateway=cast.gateway, purpose=GatewaySecret.Purpose.API_KEY)
    secret.secret = "test-key"
    secret.save()
    return cast


@pytest.mark.parametrize(("limits", "means"), SAID)
@pytest.mark.parametrize("place", ["me", "data"])
def test_waha_s_webhook_tells_it(place, limits, means):
    payload = {"status": "WORKING"} | ({"data": limits} if place == "data" else {})
    body = {"event": "session.status", "session": "dana", "payload": payload}
    me = {"id": "62811801649@c.us"} | (limits if place == "me" else {})
    assert parse(json.dumps(body | {"me": me}).encode()).restriction == means


def listed(cast, limits):
    me = {"id": "62811801649@c.us"} | limits
    entry = {"name": "dana", "status": "WORKING", "me": me}
    answers = Answers(status=(200, {"uptime": 9500}), sessions=(200, [entry]))
    with use_transport(ADDRESS, httpx.MockTransport(answers)):
        assert call_roll(cast.gateway.pk).is_readable


def test_its_list_marks_the_account_which_stays_connected_and_is_told_once(cast):
    dana = cast.an_account("dana", Status.CONNECTED, phone_number="62811801649")
    listed(cast, {"reachoutTimelock": LOCK})
    dana.refresh_from_db()
    assert (dana.status, dana.restricted_for) == (Status.CONNECTED, REACHOUT_TIMELOCK)
    assert dana.restricted_until == ENDS
    govern()
    govern()
    [incident] = Incident.objects.filter(kind=Incident.Kind.RESTRICTED)
    assert "62811801649" in incident.text and "until 2126-07-16 12:33 UTC" in incident.text
    assert not dana.repairs.exists()
    said = explain(dana, cast.now)
    assert ("Restricted", said.restriction) in said.lines
    assert "error 463" in said.restriction
    assert beside_status(dana, Status.CONNECTED, cast.now).startswith(said.restriction)


def test_it_ends_when_the_gateway_says_so(cast):
    dana = cast.an_account("dana", Status.CONNECTED, phone_number="62811801649")
    see(dana, Status.CONNECTED, at=cast.ago(2), source=Source.READ, restriction=LOCKED)
    govern()
    see(dana, Status.CONNECTED, at=cast.ago(1), source=Source.READ, restriction=FREE)
    govern()
    assert Incident.objects.get(kind=Incident.Kind.RESTRICTED).closed_at is not None
    assert explain(dana, cast.now).restriction == ""


def test_or_at_the_time_named(cast):
    dana = cast.an_account("dana", Status.CONNECTED)
    over = Restriction(code=REACHOUT_TIMELOCK, until=cast.now - timedelta(seconds=1))
    see(dana, Status.CONNECTED, at=cast.ago(2), restriction=over)
    govern()
    assert not Incident.objects.filter(kind=Incident.Kind.RESTRICTED).exists()
    assert explain(dana, cast.now).restriction == ""


def test_what_says_nothing_of_it_changes_nothing(cast):
    dana = cast.an_account("dana", Status.CONNECTED)
    see(dana, Status.CONNECTED, at=cast.ago(2), restriction=LOCKED)
    see(dana, Status.CONNECTED, at=cast.ago(1))
    assert dana.restricted_until == ENDS
