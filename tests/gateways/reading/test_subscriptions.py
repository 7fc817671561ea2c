"""Where WAHA and Evolution are told to send their webhooks: read, and changed with care."""

from __future__ import annotations

import copy

import httpx
import pytest

from gateways.base import BadAnswer, KeyRejected, Rejected, TimedOut
from gateways.kinds.evolution.subscriptions import EvolutionSubscriptions
from gateways.kinds.waha.subscriptions import WahaSubscriptions
from gateways.subscriptions import WantedSubscription
from tests.gateways.kinds.documented import (
    KEY,
    Evolution,
    Waha,
    evolution_webhook,
    waha_session,
    waha_webhook,
)

URL = "https://rollcall.example.com/api/webhooks/waha/a-token"
WANTED = WantedSubscription(url=URL, secret="a-secret", key=KEY)


def at_waha(gateway, key=KEY):
    return WahaSubscriptions("http://waha:3000", api_key=key, transport=gateway.transport)


def at_evolution(gateway, key=KEY):
    return EvolutionSubscriptions("http://evo:8080", api_key=key, transport=gateway.transport)


def answering(kind, status, body):
    transport = httpx.MockTransport(lambda call: httpx.Response(status, json=body))
    return kind("http://gateway", api_key=KEY, transport=transport)


# --- WAHA ----------------------------------------------------------------------------------------
def test_waha_tells_each_session_s_webhooks_the_stopped_ones_too():
    signed = waha_webhook(
        URL,
        hmac={"key": "a-secret"},
        customHeaders=[{"name": "x-api-KEY", "value": "a-key"}, {"name": "X-Other", "value": "1"}],
    )
    gateway = Waha().hold(waha_session("alice", "WORKING", signed), waha_session("bob", "STOPPED"))

    [alice, bob], unread = at_waha(gateway).read(deadline_seconds=5)

    assert unread == 0
    assert (alice.session_id, alice.is_running, bob.is_running) == ("alice", True, False)
    [one] = alice.subscriptions
    assert (one.url, one.secret, one.key, one.missing) == (URL, "a-secret", "a-key", ())
    assert bob.subscriptions == ()


@pytest.mark.parametrize(
    ("events", "missing"),
    [
        (["*"], ()),
        (["session.status"], ()),
        (["message", "message.ack"], ("session.status",)),
        ([], ("session.status",)),
        (None, ("session.status",)),
    ],
)
def test_waha_must_send_its_states(events, missing):
    session = waha_session("alice", "WORKING", waha_webhook(URL, events=events))
    [alice], _ = at_waha(Waha().hold(session)).read(deadline_seconds=5)

    assert alice.subscriptions[0].missing == missing


def test_a_secret_is_not_in_what_is_shown_of_a_subscription():
    webhook = waha_webhook(URL, hmac={"key": "a-secret"})
    found, _ = at_waha(Waha().hold(waha_session("alice", "WORKING", webhook))).read(
        deadline_seconds=5
    )
    assert "a-secret" not in repr(found) + repr(WANTED)
    assert "a-token" not in repr(found) + repr(WANTED)


def test_a_change_leaves_all_else_in_waha_s_configuration():
    other = waha_webhook(
        "https://crm.example.com/hook", customHeaders=[{"name": "A", "value": "b"}]
    )
    wrong = waha_webhook("https://old.example.com/api/webhooks/waha", events=["message"])
    gateway = Waha().hold(waha_session("alice", "WORKING", other, wrong))
    before = copy.deepcopy(gateway.sessions["alice"])

    at_waha(gateway).write("alice", WANTED, instead_of=wrong["url"], deadline_seconds=5)

    changed = wrong | {
        "url": URL,
        "events": ["message", "session.status"],
        "hmac": {"key": "a-secret"},
    }
    before["config"]["webhooks"] = [other, changed]
    assert gateway.sessions["alice"] == before


def test_a_new_webhook_of_waha_s_brings_states_and_signs_of_life():
    gateway = Waha().hold(waha_session("alice") | {"config": None})

    at_waha(gateway).write("alice", WANTED, instead_of=None, deadline_seconds=5)

    assert gateway.webhooks("alice") == [
        {
            "url": URL,
            "events": ["session.status", "message.any", "message.ack"],
            "hmac": {"key": "a-secret"},
        }
    ]


def test_without_a_secret_waha_sends_our_key_beside_its_other_headers():
    old = [{"name": "X-Other", "value": "1"}, {"name": "x-api-key", "value": "old"}]
    webhook = waha_webhook(URL, customHeaders=old)
    gateway = Waha().hold(waha_session("alice", "WORKING", webhook))

    wanted = WantedSubscription(url=URL, key="new")
    at_waha(gateway).write("alice", wanted, instead_of=URL, deadline_seconds=5)

    [changed] = gateway.webhooks("alice")
    assert changed["customHeaders"] == [old[0], {"name": "X-Api-Key", "value": "new"}]
    assert changed["hmac"] is None


def test_a_refusal_does_not_quote_what_was_sent():
    gateway = Waha(refuses_to_change=True).hold(waha_session("alice"))
    with pytest.raises(Rejected) as refused:
        at_waha(gateway).write("alice", WANTED, instead_of=None, deadline_seconds=5)
    assert "422" in str(refused.value)
    assert "a-secret" not in str(refused.value)


@pytest.mark.parametrize(
    "webhooks",
    ["https://x", {"url": "x"}, ["x"], [None], 7],
    ids=["text", "one", "texts", "null", "7"],
)
def test_what_is_no_list_of_webhooks_is_not_overwritten(webhooks):
    session = waha_session("alice") | {"config": {"webhooks": webhooks}}
    gateway = Waha().hold(session)
    with pytest.raises(BadAnswer):
        at_waha(gateway).write("alice", WANTED, instead_of=None, deadline_seconds=5)
    assert gateway.sessions["alice"]["config"] == {"webhooks": webhooks}


# --- Evolution -----------------------------------------------------------------------------------
def test_evolution_tells_each_instance_s_webhook():
    headers = {"JWT_KEY": "a-secret", "apikey": "a-key", "X-Other": "1"}
    webhook = evolution_webhook(URL, headers=headers, webhookByEvents=True, enabled=False)
    gateway = Evolution({"alice": webhook, "bob": None})

    [alice, bob], unread = at_evolution(gateway).read(deadline_seconds=5)

    [one] = alice.subscriptions
    assert (one.url, one.secret, one.key) == (URL, "a-secret", "a-key")
    assert (one.is_on, one.adds_event, one.missing) == (False, True, ())
    assert (bob.subscriptions, unread) == ((), 0)


def test_one_instance_that_hangs_does_not_hide_the_others():
    gateway = Evolution({"alice": None, "bob": None}, hanging=frozenset({"bob"}))

    found, unread = at_evolution(gateway).read(deadline_seconds=5)

    assert ([one.session_id for one in found], unread) == (["alice"], 1)


def test_a_change_leaves_all_else_in_evolution_s_webhook():
    wrong = evolution_webhook(
        "https://old.example.com/api/webhooks/evolution",
        headers={"X-Other": "1", "JWT_KEY": "old"},
        events=["MESSAGES_UPSERT", "CALL"],
        webhookByEvents=True,
    )
    gateway = Evolution({"alice": dict(wrong)})

    at_evolution(gateway).write("alice", WANTED, instead_of=wrong["url"], deadline_seconds=5)

    assert gateway.webhooks["alice"] == wrong | {
        "url": URL,
        "headers": {"X-Other": "1", "jwt_key": "a-secret"},
        "events": ["MESSAGES_UPSERT", "CALL", "CONNECTION_UPDATE", "QRCODE_UPDATED"],
        "webhookByEvents": False,
    }


def test_a_new_webhook_of_evolution_s_brings_states_and_signs_of_life():
    gateway = Evolution({"alice": None})

    wanted = WantedSubscription(url=URL, key="a-key")
    at_evolution(gateway).write("alice", wanted, instead_of=None, deadline_seconds=5)

    set_to = gateway.webhooks["alice"]
    assert set_to["events"][:2] == ["CONNECTION_UPDATE", "QRCODE_UPDATED"]
    assert "MESSAGES_UPSERT" in set_to["events"]
    assert (set_to["headers"], set_to["enabled"]) == ({"apikey": "a-key"}, True)


def test_a_name_of_a_path_s_own_signs_stays_one_segment():
    gateway = Evolution({"../a b": None})
    at_evolution(gateway).read(deadline_seconds=5)
    # Decoded again by the fake; what matters is that nothing was climbed.
    assert ("GET", "/webhook/find/../a b") in gateway.asked


def test_an_instance_that_is_gone_is_said():
    with pytest.raises(Rejected, match="404"):
        at_evolution(Evolution()).write("gone", WANTED, instead_of=None, deadline_seconds=5)


# --- both ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "there", [at_waha(Waha(), key="wrong"), at_evolution(Evolution(), key="wrong")]
)
def test_a_wrong_key_is_named_as_such(there):
    with pytest.raises(KeyRejected):
        there.read(deadline_seconds=5)


@pytest.mark.parametrize("kind", [WahaSubscriptions, EvolutionSubscriptions])
@pytest.mark.parametrize("body", [{"sessions": []}, "nginx", [{"nome": "x"}], None, [[]], 7])
def test_another_dialect_is_no_configuration(kind, body):
    with pytest.raises(BadAnswer):
        answering(kind, 200, body).read(deadline_seconds=5)


@pytest.mark.parametrize(
    "webhook",
    [{"url": 7}, {"url": "x", "events": "all"}, {"url": "x", "hmac": "key"}, "https://x"],
)
def test_an_odd_webhook_is_not_guessed_at(webhook):
    gateway = Waha().hold(waha_session("alice", "WORKING", webhook))
    with pytest.raises(BadAnswer):
        at_waha(gateway).read(deadline_seconds=5)


def test_no_answer_is_no_configuration():
    def hang(call):
        raise httpx.ReadTimeout("", request=call)

    transport = httpx.MockTransport(hang)
    with pytest.raises(TimedOut):
        WahaSubscriptions("http://x", api_key=KEY, transport=transport).read(deadline_seconds=1)
