"""What a gateway was told about where to send its webhooks, and setting it right."""

from __future__ import annotations

import pytest

from gateways import registry
from gateways.base import ConnectionRefused
from tests.cast import a_gateway
from tests.gateways.kinds.documented import (
    KEY,
    Evolution,
    Waha,
    evolution_webhook,
    waha_session,
    waha_webhook,
)
from tests.webhooks.sending import give_secret
from webhooks.route_check.subscriptions import configuration_hop, fix_hop

pytestmark = pytest.mark.django_db
BASE = "https://rollcall.example.com"
SECRET = "secret-of-this-gateway"
TOKEN = "token-of-the-path-of-this-gateway"


@pytest.fixture(autouse=True)
def _public(settings):
    settings.PUBLIC_URL = BASE


@pytest.fixture
def waha():
    gateway = Waha()
    with registry.use_transport("http://waha", gateway.transport):
        yield gateway


@pytest.fixture
def evolution():
    gateway = Evolution()
    with registry.use_transport("http://evolution", gateway.transport):
        yield gateway


def registered(kind, **secrets):
    gateway = a_gateway(f"{kind}-1", kind=kind, base_url=f"http://{kind}:3000")
    for purpose, value in ({"api_key": KEY} | secrets).items():
        give_secret(gateway, purpose, value)
    return gateway


def signed(url, **fields):
    return waha_webhook(url, hmac={"key": SECRET}) | fields


def tokened(url, **fields):
    return evolution_webhook(url, headers={"jwt_key": SECRET}) | fields


def said_of(gateway):
    hop = configuration_hop(gateway)
    return hop.works, hop.details


# --- WAHA ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("webhook", "fault"),
    [
        (signed(f"{BASE}/api/webhooks/waha"), None),
        (signed("HTTPS://Rollcall.Example.com:443/api/webhooks/waha"), None),
        (
            signed("https://old.example.com/api/webhooks/waha"),
            f"wrong host: https://old.example.com and not {BASE}",
        ),
        (
            signed("http://rollcall.example.com/api/webhooks/waha"),
            f"wrong host: http://rollcall.example.com and not {BASE}",
        ),
        (
            signed(f"{BASE}/api/hooks/wa"),
            "wrong path: /api/hooks/wa and not /api/webhooks/waha",
        ),
        (
            signed(f"{BASE}/api/webhooks/waha/some-old-token"),
            "wrong path: what follows /api/webhooks/waha/ is no valid token of this gateway",
        ),
        (
            signed(f"{BASE}/api/webhooks/waha", events=["message"]),
            "it does not send session.status",
        ),
        (
            waha_webhook(f"{BASE}/api/webhooks/waha"),
            "it sends nothing that it could be known by: no signature and no key",
        ),
        (
            signed(f"{BASE}/api/webhooks/waha", hmac={"key": "another"}),
            "it signs with a secret that Rollcall does not have",
        ),
        (
            waha_webhook(
                f"{BASE}/api/webhooks/waha", customHeaders=[{"name": "X-Api-Key", "value": "no"}]
            ),
            "it sends a key that Rollcall does not have",
        ),
        (signed("https://crm.example.com/hook"), "it sends to https://crm.example.com only"),
        (signed("::not an address::"), "it sends to an address that cannot be read only"),
    ],
)
def test_it_says_where_a_session_sends_and_what_is_wrong_with_it(waha, webhook, fault):
    gateway = registered("waha", hmac=SECRET)
    waha.hold(waha_session("alice", "WORKING", webhook))

    faults = (f"alice: {fault}",) if fault else ()
    assert said_of(gateway) == (not fault, faults)


def test_the_best_of_its_urls_counts(waha):
    gateway = registered("waha", hmac=SECRET)
    elsewhere = waha_webhook("https://crm.example.com/hook")
    wrong, right = signed(f"{BASE}/api/hooks/wa"), signed(f"{BASE}/api/webhooks/waha")
    waha.hold(waha_session("alice", "WORKING", elsewhere, wrong, right))

    assert said_of(gateway) == (True, ())


def test_a_path_of_its_own_is_proof_enough(waha):
    gateway = registered("waha", path=TOKEN)
    url = f"{BASE}/api/webhooks/waha/{TOKEN}"
    # A signature that cannot be checked is passed over there.
    waha.hold(waha_session("alice", "WORKING", waha_webhook(url, hmac={"key": "unknown"})))

    assert said_of(gateway) == (True, ())


def test_where_only_signatures_count_a_key_is_not_enough(waha):
    gateway = registered("waha", hmac=SECRET, path=TOKEN)
    gateway.require_signature = True
    keyed = waha_webhook(
        f"{BASE}/api/webhooks/waha/{TOKEN}", customHeaders=[{"name": "X-Api-Key", "value": KEY}]
    )
    waha.hold(waha_session("alice", "WORKING", keyed))

    assert said_of(gateway) == (
        False,
        ("alice: it does not sign, and this gateway is believed with a signature only",),
    )


def test_a_path_that_was_accepted_is_right(waha):
    gateway = registered("waha", hmac=SECRET)
    gateway.accepted_paths = ["/api/hooks/wa"]
    waha.hold(waha_session("alice", "WORKING", signed(f"{BASE}/api/hooks/wa")))

    assert said_of(gateway) == (True, ())


def test_without_a_url_of_its_own_nothing_can_be_told(waha):
    """The global one stands in its environment."""
    gateway = registered("waha", hmac=SECRET)
    waha.hold(waha_session("alice"))

    hop = configuration_hop(gateway)
    assert (hop.works, hop.details) == (None, ("alice: no URL of its own",))
    assert "a global one stands in the gateway's environment" in hop.says


def test_a_fix_sets_the_right_url_and_leaves_the_others(waha):
    gateway = registered("waha", hmac=SECRET, path=TOKEN)
    elsewhere = waha_webhook("https://crm.example.com/hook")
    right = signed(f"{BASE}/api/webhooks/waha")
    waha.hold(
        waha_session(
            "alice", "STOPPED", elsewhere, signed("https://old.example.com/api/webhooks/waha")
        ),
        waha_session("bob", "STOPPED", right),
    )

    hop = fix_hop(gateway, consents=False)

    assert (hop.works, hop.details) == (True, ("alice: set",))
    assert [one["url"] for one in waha.webhooks("alice")] == [
        elsewhere["url"],
        f"{BASE}/api/webhooks/waha/{TOKEN}",
    ]
    assert waha.webhooks("bob") == [right]
    assert said_of(gateway) == (True, ())


def test_nothing_is_restarted_without_consent(waha):
    gateway = registered("waha", hmac=SECRET)
    waha.hold(waha_session("alice", "WORKING", signed(f"{BASE}/api/hooks/wa")))

    hop = fix_hop(gateway, consents=False)

    assert hop.works is False
    assert hop.details == ("it would restart, since they run (1): alice",)
    assert "--yes" in hop.cure
    assert {method for method, _ in waha.asked} == {"GET"}


def test_with_consent_it_is_set_and_the_restart_is_said(waha):
    gateway = registered("waha", hmac=SECRET)
    waha.hold(waha_session("alice", "WORKING", signed(f"{BASE}/api/hooks/wa")), waha_session("bob"))

    hop = fix_hop(gateway, consents=True)

    assert hop.works is True
    assert hop.details == ("alice: set, and it restarts", "bob: set, and it restarts")
    assert said_of(gateway) == (True, ())


def test_a_refused_change_is_said_and_fails(waha):
    gateway = registered("waha", hmac=SECRET)
    waha.hold(waha_session("alice", "STOPPED", signed(f"{BASE}/api/hooks/wa")))
    waha.refuses_to_change = True

    hop = fix_hop(gateway, consents=False)

    assert (hop.works, hop.says[:18]) == (False, "0 of 1 sessions we")
    assert SECRET not in str(hop)


def test_what_is_right_is_not_touched(waha):
    gateway = registered("waha", hmac=SECRET)
    waha.hold(waha_session("alice", "WORKING", signed(f"{BASE}/api/webhooks/waha")))

    assert fix_hop(gateway, consents=False).works is True
    assert {method for method, _ in waha.asked} == {"GET"}


# --- Evolution -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("webhook", "fault"),
    [
        (tokened(f"{BASE}/api/webhooks/evolution"), None),
        (tokened(f"{BASE}/api/webhooks/evolution", enabled=False), "it is switched off"),
        (tokened(f"{BASE}/api/webhooks/evolution", webhookByEvents=True), None),
        (
            tokened(f"{BASE}/api/webhooks/evolution", events=["CALL"]),
            "it does not send CONNECTION_UPDATE, QRCODE_UPDATED",
        ),
        (
            evolution_webhook(f"{BASE}/api/webhooks/evolution", headers={}),
            "it sends nothing that it could be known by: no signature and no key",
        ),
    ],
)
def test_an_instance_s_webhook_is_judged_alike(evolution, webhook, fault):
    gateway = registered("evolution", hmac=SECRET)
    evolution.webhooks["alice"] = webhook

    assert said_of(gateway) == (not fault, (f"alice: {fault}",) if fault else ())


def test_events_in_the_path_are_welcome_on_a_path_of_its_own(evolution):
    gateway = registered("evolution", path=TOKEN)
    url = f"{BASE}/api/webhooks/evolution/{TOKEN}"
    evolution.webhooks["alice"] = evolution_webhook(url, webhookByEvents=True)

    assert said_of(gateway) == (True, ())


def test_somebody_else_s_url_is_not_replaced_without_consent(evolution):
    """An instance has one URL: the business's own backend would lose its messages."""
    gateway = registered("evolution", hmac=SECRET)
    evolution.webhooks["alice"] = tokened("https://crm.example.com/hook/with-a-secret-in-it")

    hop = fix_hop(gateway, consents=False)

    assert hop.works is False
    assert "forward URL" in hop.details[0]
    assert evolution.webhooks["alice"]["url"].startswith("https://crm.example.com")
    assert "with-a-secret" not in str(hop) + str(configuration_hop(gateway))

    assert fix_hop(gateway, consents=True).works is True
    assert evolution.webhooks["alice"]["url"] == f"{BASE}/api/webhooks/evolution"


def test_an_instance_that_cannot_be_read_leaves_the_answer_open(evolution):
    gateway = registered("evolution", hmac=SECRET)
    evolution.webhooks["alice"] = tokened(f"{BASE}/api/webhooks/evolution")
    evolution.webhooks["bob"] = None
    evolution.hanging = frozenset({"bob"})

    hop = configuration_hop(gateway)
    assert hop.works is None
    assert hop.says == "1 of 2 sessions send here as they should; not to be read: 1"


# --- the others, and what stands in the way ------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "place"),
    [
        ("webjs", "WEBHOOK_ENDPOINT"),
        ("wwebjs_api", "BASE_WEBHOOK_URL"),
        ("wppconnect", "WEBHOOK_URL"),
        ("standard", "with whoever sends"),
    ],
)
def test_where_it_cannot_be_read_its_place_is_named(kind, place):
    gateway = registered(kind, hmac=SECRET, path=TOKEN)

    for hop in (configuration_hop(gateway), fix_hop(gateway, consents=True)):
        assert place in hop.says
        assert f"{BASE}/api/webhooks/{kind}/…" in hop.cure
        assert hop.works is (False if hop.name == "fix" else None)


def test_a_gateway_that_does_not_answer_leaves_the_answer_open(waha, monkeypatch):
    gateway = registered("waha", hmac=SECRET)

    def refuse(call):
        raise ConnectionRefused("GET /api/sessions on http://waha:3000: Connection refused")

    monkeypatch.setattr(waha, "_answer", refuse)
    with registry.use_transport("http://waha", waha.transport):
        assert configuration_hop(gateway).works is None
        assert fix_hop(gateway, consents=True).works is False


def test_without_a_key_of_it_nothing_is_asked(waha):
    gateway = a_gateway("waha-1", kind="waha", base_url="http://waha:3000")
    give_secret(gateway, "hmac", SECRET)

    assert "no API key" in configuration_hop(gateway).says
    assert waha.asked == []


def test_a_url_is_not_set_that_nothing_could_be_known_by(waha):
    gateway = registered("waha")
    gateway.require_signature = True
    waha.hold(waha_session("alice", "STOPPED"))

    hop = fix_hop(gateway, consents=True)

    assert (hop.works, hop.says) == (False, "there is no secret to set with it")


@pytest.mark.parametrize("here", ["http://127.0.0.1:8000", "http://localhost", "http://[::1]:8000"])
def test_a_gateway_elsewhere_is_not_sent_to_its_own_machine(waha, settings, here):
    settings.PUBLIC_URL = here
    gateway = registered("waha", hmac=SECRET)
    waha.hold(waha_session("alice", "STOPPED"))

    assert "PUBLIC_URL" in fix_hop(gateway, consents=True).cure
    assert waha.webhooks("alice") == []


def test_what_strangers_named_does_not_paint_on_a_terminal(waha):
    gateway = registered("waha", hmac=SECRET)
    name = "al\x1b[31mice"
    waha.hold(waha_session(name, "STOPPED", signed(f"{BASE}/api/hooks/\x1b[31m")))

    assert "\x1b" not in str(configuration_hop(gateway).details)
