"""Who is not believed counts against a gateway only from that gateway's own address."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import Incident
from tests.webhooks.sending import KEY, Sender, give_secret, lost
from tests.webhooks.speaking import SECRET, a_gateway_of, post, waha_body, waha_headers
from webhooks import misrouted, tasks
from webhooks.models import RefusedRequest, Route, RouteTally

HOME = "192.0.2.7"
OTHER_STRANGER = "203.0.113.77"
STRANGER = "198.51.100.9"
Kind = Incident.Kind


@pytest.fixture(autouse=True)
def _nothing_noted_yet(monkeypatch):
    monkeypatch.setattr(misrouted, "_noted", {})


@pytest.fixture
def gateway(cast):
    """A gateway whose address is HOME."""
    cast.gateway.base_url = f"http://{HOME}:3001"
    cast.gateway.save()
    return cast.gateway


def a_sender(address: str, secret: str = "another's") -> Sender:
    return Sender(secret=secret, client=Client(REMOTE_ADDR=address))


def watched() -> dict[str, Incident]:
    """Return the incidents that are open after a run of the route monitor."""
    tasks.watch_routes()
    return {one.kind: one for one in Incident.objects.filter(closed_at=None)}


def test_three_refusals_from_its_own_address_open_an_incident_in_its_name(gateway):
    for _ in range(3):
        a_sender(HOME).send(lost())
    assert watched()[Kind.FAILING].gateway == gateway


def test_strangers_many_refusals_are_nobodys(gateway):
    """Of two addresses: one alone is asked to wait after 40 at once."""
    claim = {"x_instance_url": gateway.base_url, "x_forwarded_for": HOME}
    for number in range(50):
        a_sender((STRANGER, OTHER_STRANGER)[number % 2]).send(lost(), **claim)
    opened = watched()
    assert set(opened) == {Kind.UNATTRIBUTED}
    assert (opened[Kind.UNATTRIBUTED].gateway, opened[Kind.UNATTRIBUTED].count) == (None, 50)
    assert not Route.objects.exists()


def test_a_proxys_word_about_a_stranger_is_believed(gateway, settings):
    settings.TRUSTED_PROXIES = [HOME]
    for _ in range(3):
        a_sender(HOME).send(lost(), x_forwarded_for=f"{HOME}, {STRANGER}")
    assert watched() == {}
    assert RefusedRequest.objects.first().source == STRANGER


def test_a_success_right_after_its_failures_ends_them(gateway):
    for _ in range(3):
        a_sender(HOME).send(lost())
    Sender().send(lost())
    assert watched() == {}
    assert Route.objects.get().consecutive_failures == 0


def test_a_secret_that_has_ended_is_called_by_its_name(gateway):
    give_secret(gateway, "hmac", "the old one", ends_in=-60)
    for _ in range(3):
        a_sender(HOME, "the old one").send(lost())
    assert "a secret that has ended" in watched()[Kind.FAILING].cure


def test_so_is_a_key_that_has_ended(gateway):
    give_secret(gateway, "api_key", "the old key", ends_in=-60)
    for _ in range(3):
        answer = a_sender(HOME).post(b"{}", {"X-API-Key": "the old key"})
    assert answer.status_code == 401 and "has ended" in answer.json()["reason"]
    assert "a secret that has ended" in watched()[Kind.FAILING].cure


def test_a_webhook_without_credentials_on_no_path_of_ours_is_misrouted_by_its_shape(gateway):
    for _ in range(3):
        assert a_sender(HOME).post(b'{"event":"qrcode"}', {}, path="/hooks/x").status_code == 404
    opened = watched()
    assert set(opened) == {Kind.MISROUTED}
    assert (opened[Kind.MISROUTED].gateway, opened[Kind.MISROUTED].count) == (gateway, 3)
    assert "not believed there, and lost" in opened[Kind.MISROUTED].text
    assert "accept" not in opened[Kind.MISROUTED].cure


@pytest.mark.parametrize("body", [b"user=root&password=x", b'{"query":"x"}', b"<xml/>", b""])
def test_what_does_not_look_like_a_webhook_is_left_alone(gateway, body):
    a_sender(HOME).post(body, {}, path="/xmlrpc.php")
    assert watched() == {}
    assert not RefusedRequest.objects.exists()


def test_a_wrong_secret_on_a_wrong_path_is_both(gateway):
    for _ in range(3):
        assert a_sender(HOME).send(lost(), path="/hooks/x").status_code == 404
    assert set(watched()) == {Kind.MISROUTED, Kind.FAILING}


def test_a_key_on_a_wrong_path_is_to_be_rotated(gateway):
    a_sender(HOME).post(b'{"event":"ping","data":{}}', {"X-API-Key": KEY}, path="/hooks/x")
    assert "rotate it" in Incident.objects.get().cure
    assert "rotate it" in watched()[Kind.MISROUTED].cure


@pytest.mark.parametrize("path", ["/api/webhooks/waha", "/hooks/x"])
def test_an_old_webhook_that_somebody_sends_again_is_not_its_senders_fault(cast, path):
    """WAHA's time stands in the signed body: whoever recorded it can send it for ever."""
    sender = a_gateway_of(cast, "waha", hmac=SECRET)
    sender.base_url = f"http://{HOME}:3001"
    sender.save()
    old = waha_body(seconds_ago=3600)
    for _ in range(3):
        assert post("waha", old, path=path, **waha_headers(old)).status_code in (401, 404)
    assert watched() == {}
    assert RefusedRequest.objects.filter(gateway=None, code="clock_skew").count() == 3


def test_a_request_that_may_be_several_gateways_counts_as_nobodys(cast):
    give_secret(cast.other_gateway, "api_key", KEY)
    answer = a_sender(STRANGER).post(b'{"event":"x","data":{}}', {"X-API-Key": KEY})
    assert answer.status_code == 409
    watched()
    assert RefusedRequest.objects.get().code == "ambiguous"
    assert RouteTally.objects.filter(gateway=None, span="minute", refused=1).exists()
